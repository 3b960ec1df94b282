// `sandbox version`: its flags.
import type { Command } from "../command.ts";

export const versionCommand: Command = {
  name: "version",
  summary: "Print the version and what this program was built from",
  usage: "sandbox version [OPTION...]",
  description: ["Prints the version of sandbox, of the runtime inside it and of the Alpine Linux that comes with it."],
  passthrough: false,
  flags: [
    { name: "--json", group: "General", help: "Print it as JSON" },
    { name: "--help", short: "-h", group: "General", help: "Show this" },
  ],
  examples: [
    { command: "sandbox version --json", does: "the same for programs" },
    { command: "sandbox --version", does: "the version alone, in one line" },
  ],
};
