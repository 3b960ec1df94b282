// Every command but `run`, whose fast path is main's: found in the table, parsed by it, loaded when it is asked for.
import { usageFault } from "../base/fault.ts";
import type { Command, Parsed } from "./command.ts";
import { COMMANDS } from "./commands/all.table.ts";
import { imageBuildCommand } from "./commands/image_build.table.ts";
import { findCommand, misplacedFlag } from "./find_command.ts";
import { printHelp, printOverview } from "./help.ts";
import { parseArguments } from "./parse/arguments.ts";

type Action = (parsed: Parsed) => number | Promise<number>;

const ACTIONS: Readonly<Record<string, () => Promise<Action>>> = {
  doctor: async () => (await import("./commands/doctor.ts")).doctor,
  completion: async () => (await import("./commands/completion.ts")).completion,
  man: async () => (await import("./commands/man.ts")).man,
  version: async () => (await import("./commands/version.ts")).version,
  help: async () => (await import("./commands/help.ts")).help,
};

/** Runs the command `name`; its exit code. Throws a usage fault (exit 2) where the words make no sense. */
export async function dispatch(name: string | undefined, argv: readonly string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h") return printOverview(COMMANDS);
  if (name === "--version" || name === "-V") return (await import("./commands/version.ts")).versionLine();
  if (name === "internal-store") return (await import("./commands/internal_store.ts")).internalStore(argv);
  if (name === "internal-build") return (await import("./commands/internal_build.ts")).internalBuild(argv);
  if (name === "image" && argv[0] === "build") return await imageBuild(argv.slice(1));
  if (name.startsWith("-")) throw misplacedFlag(name);
  const command = findCommand(name);
  const parsed = parseArguments(command, argv);
  if (parsed.switches.has("--help")) return printHelp(command);
  refuseArguments(command, parsed.positionals);
  const load = ACTIONS[command.name];
  if (!load) throw new Error(`The command ${command.name} has no action`);
  return (await load())(parsed);
}

// No command but `run` takes more than one argument.
function refuseArguments({ name, positional }: Command, positionals: readonly string[]): void {
  const extra = positionals[positional === undefined ? 0 : 1];
  if (extra !== undefined)
    throw usageFault(
      "Cannot read the command line",
      `sandbox ${name} takes no argument ${JSON.stringify(extra)}`,
      `see: sandbox ${name} --help`,
    );
}

async function imageBuild(argv: readonly string[]): Promise<number> {
  const parsed = parseArguments(imageBuildCommand, argv);
  if (parsed.switches.has("--help")) return printHelp(imageBuildCommand);
  refuseArguments(imageBuildCommand, parsed.positionals);
  return await (await import("./commands/image_build.ts")).imageBuild(parsed);
}
