// A command that has one flag of each kind, so that tests of what is made from tables don't change when a real table does.
import type { Command } from "../../../src/cli/command.ts";

/** Every command's name, the sample's too, in the order in which shells offer them. */
export const COMMAND_NAMES = [
  "completion",
  "doctor",
  "env",
  "help",
  "image",
  "man",
  "network",
  "pause",
  "port",
  "ps",
  "resume",
  "run",
  "system",
  "try",
  "update",
  "version",
] as const;

export const sampleCommand: Command = {
  name: "try",
  summary: "Try a command with care",
  usage: "sandbox try [OPTION...] [--] COMMAND [ARGUMENT...]",
  description: ["Tries COMMAND. It's the first paragraph, and it is long enough to be broken at eighty columns."],
  passthrough: true,
  positional: "file",
  flags: [
    { name: "--volume", short: "-v", value: "SRC:DST", repeat: true, group: "Mounts", help: "Bind [rw] a path" },
    { name: "--keep", value: "NAME", group: "Mounts", help: "Keep 'it' under C:\\NAME" },
    {
      name: "--mode",
      short: "-m",
      value: "MODE",
      group: "Process",
      help: "new (default) or bind: the host's",
      complete: ["new", "bind"],
    },
    { name: "--file", value: "A-RATHER-LONG-PLACE-HOLDER", group: "Process", help: "A file", complete: "file" },
    { name: "--folder", value: "DIR", group: "Process", help: "A folder", complete: "directory" },
    { name: "--tty", short: "-t", group: "Process", help: "Allocate a terminal" },
    { name: "--interactive", short: "-i", group: "Process", help: "Keep standard input" },
    { name: "--help", group: "General", help: "Show this" },
  ],
  examples: [{ command: "sandbox try -v ~/a:/a -- ls", does: ".hidden files too" }],
};
