// `sandbox man`: its flags.
import type { Command } from "../command.ts";

export const manCommand: Command = {
  name: "man",
  summary: "Print the manual page, for man(1) to show",
  usage: "sandbox man",
  description: ["Prints sandbox(1) in the man(7) language."],
  passthrough: false,
  flags: [{ name: "--help", short: "-h", group: "General", help: "Show this" }],
  examples: [
    { command: "sandbox man | man -l -", does: "read it" },
    { command: "sandbox man > ~/.local/share/man/man1/sandbox.1", does: "let man sandbox find it" },
  ],
};
