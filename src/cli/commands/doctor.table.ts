// `sandbox doctor`: its flags.
import type { Command } from "../command.ts";

export const doctorCommand: Command = {
  name: "doctor",
  summary: "Tell whether sandboxes can run on this machine, and how to mend what is missing",
  usage: "sandbox doctor [OPTION...]",
  description: [
    "Looks at the kernel, its limits and security modules, the subordinate ids and the helpers, and tries what a sandbox needs. Nothing on the machine is changed. Every finding comes with the exact command that mends it.",
    "Exit status: 0 when sandboxes can run here, 1 when not.",
  ],
  passthrough: false,
  flags: [
    {
      name: "--store",
      value: "DIR",
      group: "General",
      help: "Where root file systems are to be kept (default: $XDG_DATA_HOME/sandbox)",
      complete: "directory",
    },
    { name: "--json", group: "General", help: "Print the findings as JSON" },
    { name: "--help", short: "-h", group: "General", help: "Show this" },
  ],
  examples: [
    { command: "sandbox doctor", does: "what works here, and what to do about the rest" },
    { command: "sandbox doctor --json", does: "the same for programs, and for bug reports" },
  ],
};
