// `sandbox completion`: its flags, and the shells that it knows.
import type { Command } from "../command.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export const completionCommand: Command = {
  name: "completion",
  summary: "Print the completion script of a shell",
  usage: "sandbox completion bash|zsh|fish",
  description: [
    "Prints a script that teaches the shell to complete the commands, flags and values of sandbox, and after `sandbox run` the command that is run.",
    "Evaluate it where the shell starts, as in the examples, or write it to a file in a folder that the shell reads completions from: ~/.local/share/bash-completion/completions/sandbox, a folder of zsh's $fpath under the name _sandbox, or ~/.config/fish/completions/sandbox.fish.",
  ],
  passthrough: false,
  positional: SHELLS,
  flags: [{ name: "--help", short: "-h", group: "General", help: "Show this" }],
  examples: [
    { command: "source <(sandbox completion bash)", does: "a line for ~/.bashrc" },
    { command: "source <(sandbox completion zsh)", does: "a line for ~/.zshrc, after compinit" },
    { command: "sandbox completion fish | source", does: "a line for ~/.config/fish/config.fish" },
  ],
};
