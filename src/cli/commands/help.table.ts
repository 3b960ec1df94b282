// `sandbox help`: its flags. The commands that it explains are filled in where all of them are known.
import type { Command } from "../command.ts";

export const helpCommand: Command = {
  name: "help",
  summary: "Explain sandbox, or one of its commands",
  usage: "sandbox help [COMMAND [VERB]]",
  description: [
    "Without COMMAND, lists the commands. `sandbox COMMAND --help` does the same as `sandbox help COMMAND`.",
  ],
  passthrough: false,
  takes: { least: 0, most: 2 },
  flags: [{ name: "--help", short: "-h", group: "General", help: "Show this" }],
  examples: [
    { command: "sandbox help run", does: "every flag of sandbox run" },
    { command: "sandbox help image pull", does: "one verb of sandbox image" },
  ],
};
