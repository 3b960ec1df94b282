// What can be done to sandboxes that run: `sandbox ps`, `pause`, `resume`, `update`.
import type { Command, Flag } from "../command.ts";
import { LIMIT_FLAGS } from "../limit_flags.ts";
import { runCommand } from "./run.table.ts";
import { HELP_FLAG, JSON_FLAG } from "./store_flags.ts";

const WHICH = "SANDBOX is a name (run --name), an id, or the beginning of an id.";
const ONE = { least: 1, most: 1 };

export const psCommand: Command = {
  name: "ps",
  summary: "List the sandboxes that run",
  usage: "sandbox ps [OPTION...]",
  description: ["Lists the caller's sandboxes that have a name (run --name) or published ports."],
  passthrough: false,
  flags: [JSON_FLAG, HELP_FLAG],
  examples: [{ command: "sandbox ps", does: "which run, since when, and what" }],
};

export const pauseCommand: Command = {
  name: "pause",
  summary: "Stop all processes of a sandbox, until it is resumed",
  usage: "sandbox pause SANDBOX",
  description: [`Freezes the sandbox's control group, and returns when all have stopped. ${WHICH}`],
  passthrough: false,
  positional: "sandbox",
  takes: ONE,
  flags: [HELP_FLAG],
  examples: [{ command: "sandbox pause web", does: "no time of a CPU for web" }],
};

export const resumeCommand: Command = {
  name: "resume",
  summary: "Let a paused sandbox go on",
  usage: "sandbox resume SANDBOX",
  description: [WHICH],
  passthrough: false,
  positional: "sandbox",
  takes: ONE,
  flags: [HELP_FLAG],
  examples: [{ command: "sandbox resume web", does: "web goes on where it was" }],
};

export const updateCommand: Command = {
  name: "update",
  summary: "Change the limits of a sandbox while it runs",
  usage: "sandbox update OPTION... SANDBOX",
  description: [
    `Sets limits of a sandbox that has a control group: one that was started with a limit. What is not given stays as it is. ${WHICH}`,
    "A limit of memory below what is in use makes the kernel reclaim, and where that is not enough, kill.",
  ],
  passthrough: false,
  positional: "sandbox",
  takes: ONE,
  flags: [...runCommand.flags.filter(isLimit), HELP_FLAG],
  examples: [{ command: "sandbox update --memory 1g --cpus 2 web", does: "more of both for web" }],
};

function isLimit({ name }: Flag): boolean {
  return name !== "--cgroups" && (LIMIT_FLAGS as readonly string[]).includes(name);
}
