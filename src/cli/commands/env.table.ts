// `sandbox env`: persistent environments, which `sandbox run --persist NAME` makes.
import type { Command } from "../command.ts";
import { HELP_FLAG, JSON_FLAG, MANY, STORE_FLAG } from "./store_flags.ts";

const ls: Command = {
  name: "env ls",
  summary: "List the environments and their snapshots",
  usage: "sandbox env ls [OPTION...]",
  description: [
    "Lists what `sandbox run --persist NAME` keeps: on what it was made, its size, and when it was last used.",
  ],
  passthrough: false,
  flags: [JSON_FLAG, STORE_FLAG, HELP_FLAG],
  examples: [{ command: "sandbox env ls", does: "all environments, each with its snapshots below it" }],
};

const rm: Command = {
  name: "env rm",
  summary: "Remove environments, or snapshots of them",
  usage: "sandbox env rm [OPTION...] NAME|NAME@TAG...",
  description: ["Removes NAME with all its snapshots, or the one snapshot NAME@TAG. One that is in use is an error."],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: MANY },
  flags: [STORE_FLAG, HELP_FLAG],
  examples: [
    { command: "sandbox env rm dev", does: "the environment dev, its snapshots too" },
    { command: "sandbox env rm dev@before", does: "one snapshot of it" },
  ],
};

const diff: Command = {
  name: "env diff",
  summary: "Show what an environment changes of what it was made on",
  usage: "sandbox env diff [OPTION...] NAME",
  description: [
    "Prints a line for each change: A added, C changed, D deleted. A folder that came or went whole is one line.",
  ],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: 1 },
  flags: [JSON_FLAG, STORE_FLAG, HELP_FLAG],
  examples: [{ command: "sandbox env diff dev", does: "what the runs with --persist dev have changed" }],
};

const reset: Command = {
  name: "env reset",
  summary: "Empty an environment; its snapshots stay",
  usage: "sandbox env reset [OPTION...] NAME",
  description: [
    "Gives up all that NAME has changed. The next run with --persist NAME may be on another root file system.",
  ],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: 1 },
  flags: [STORE_FLAG, HELP_FLAG],
  examples: [{ command: "sandbox env reset dev", does: "begin dev anew" }],
};

const snapshot: Command = {
  name: "env snapshot",
  summary: "Keep an environment as it is now under a tag",
  usage: "sandbox env snapshot [OPTION...] NAME TAG",
  description: ["Keeps what NAME holds as NAME@TAG. The environment must not be in use, and the tag must be new."],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: 2 },
  flags: [JSON_FLAG, STORE_FLAG, HELP_FLAG],
  examples: [
    { command: "sandbox env snapshot dev before", does: "to go back to" },
    { command: "sandbox env snapshot dev@before", does: "the same" },
  ],
};

const restore: Command = {
  name: "env restore",
  summary: "Make an environment what a snapshot of it is",
  usage: "sandbox env restore [OPTION...] NAME TAG",
  description: ["Gives up what NAME holds for what it held when NAME@TAG was made. The snapshot stays."],
  passthrough: false,
  positional: "none",
  takes: { least: 1, most: 2 },
  flags: [STORE_FLAG, HELP_FLAG],
  examples: [{ command: "sandbox env restore dev before", does: "as dev was then" }],
};

export const envCommand: Command = {
  name: "env",
  summary: "Manage persistent environments (run --persist NAME)",
  usage: "sandbox env COMMAND [ARGUMENT...]",
  description: [
    "An environment keeps what runs with --persist NAME write to their root file system. `sandbox image commit NAME IMAGE` makes an image of one.",
  ],
  passthrough: false,
  flags: [HELP_FLAG],
  examples: [
    { command: "sandbox run --rootfs alpine --persist dev", does: "make or go on with the environment dev" },
    { command: "sandbox env ls", does: "see what there is" },
    { command: "sandbox env snapshot dev before", does: "keep dev as it is now" },
  ],
  verbs: [ls, rm, diff, reset, snapshot, restore],
};
