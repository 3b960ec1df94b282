// Every command but `run`, whose fast path is main's: found in the table, parsed by it, loaded when it is asked for.
import { usageFault } from "../base/fault.ts";
import type { Command, Parsed } from "./command.ts";
import { COMMANDS } from "./commands/all.table.ts";
import { NAMES_COMMAND } from "./completion/names_command.ts";
import { findCommand, findVerb, misplacedFlag } from "./find_command.ts";
import { printHelp, printOverview } from "./help.ts";
import { parseArguments } from "./parse/arguments.ts";

type Action = (parsed: Parsed) => number | Promise<number>;

const ACTIONS: Readonly<Record<string, () => Promise<Action>>> = {
  "port ls": async () => (await import("./commands/port_ls.ts")).portLs,
  "port add": async () => (await import("./commands/port_add.ts")).portAdd,
  "port rm": async () => (await import("./commands/port_rm.ts")).portRm,
  ps: async () => (await import("./commands/ps.ts")).ps,
  pause: async () => (await import("./commands/pause.ts")).pause,
  resume: async () => (await import("./commands/pause.ts")).resume,
  update: async () => (await import("./commands/update.ts")).update,
  doctor: async () => (await import("./commands/doctor.ts")).doctor,
  completion: async () => (await import("./commands/completion.ts")).completion,
  man: async () => (await import("./commands/man.ts")).man,
  version: async () => (await import("./commands/version.ts")).version,
  help: async () => (await import("./commands/help.ts")).help,
  "image pull": async () => (await import("./commands/image_pull.ts")).imagePull,
  "image build": async () => (await import("./commands/image_build.ts")).imageBuild,
  "image load": async () => (await import("./commands/image_load.ts")).imageLoad,
  "image import": async () => (await import("./commands/image_import.ts")).imageImport,
  "image save": async () => (await import("./commands/image_save.ts")).imageSave,
  "image export": async () => (await import("./commands/image_export.ts")).imageExport,
  "image ls": async () => (await import("./commands/image_ls.ts")).imageLs,
  "image inspect": async () => (await import("./commands/image_inspect.ts")).imageInspect,
  "image history": async () => (await import("./commands/image_history.ts")).imageHistory,
  "image tag": async () => (await import("./commands/image_tag.ts")).imageTag,
  "image rm": async () => (await import("./commands/image_rm.ts")).imageRm,
  "image prune": async () => (await import("./commands/image_prune.ts")).imagePrune,
  "image commit": async () => (await import("./commands/image_commit.ts")).imageCommit,
  "image diff": async () => (await import("./commands/image_diff.ts")).imageDiff,
  "image verify": async () => (await import("./commands/image_verify.ts")).imageVerify,
  "system df": async () => (await import("./commands/system_df.ts")).systemDf,
  "system prune": async () => (await import("./commands/system_prune.ts")).systemPrune,
  "system check": async () => (await import("./commands/system_check.ts")).systemCheck,
  "env ls": async () => (await import("./commands/env_ls.ts")).envLs,
  "env rm": async () => (await import("./commands/env_rm.ts")).envRm,
  "env diff": async () => (await import("./commands/env_diff.ts")).envDiff,
  "env reset": async () => (await import("./commands/env_reset.ts")).envReset,
  "env snapshot": async () => (await import("./commands/env_snapshot.ts")).envSnapshot,
  "network create": async () => (await import("./commands/network_create.ts")).networkCreate,
  "network ls": async () => (await import("./commands/network_ls.ts")).networkLs,
  "network inspect": async () => (await import("./commands/network_inspect.ts")).networkInspect,
  "network rm": async () => (await import("./commands/network_rm.ts")).networkRm,
  "env restore": async () => (await import("./commands/env_restore.ts")).envRestore,
};

/** Runs the command `name`; its exit code. Throws a usage fault (exit 2) where the words make no sense. */
export async function dispatch(name: string | undefined, argv: readonly string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h") return printOverview(COMMANDS);
  if (name === "--version" || name === "-V") return (await import("./commands/version.ts")).versionLine();
  if (name === "internal-store") return (await import("./commands/internal_store.ts")).internalStore(argv);
  if (name === "internal-build") return (await import("./commands/internal_build.ts")).internalBuild(argv);
  if (name === NAMES_COMMAND) return (await import("./commands/internal_names.ts")).internalNames();
  if (name === "launch-shared") return (await import("./commands/launch_shared.ts")).launchShared(argv);
  if (name === "network-serve") return (await import("./commands/network_serve.ts")).networkServe(argv);
  if (name === "enter-failed") return (await import("./commands/enter_failed.ts")).enterFailed(argv);
  if (name.startsWith("-")) throw misplacedFlag(name);
  const found = findCommand(name);
  if (found.verbs === undefined) return await perform(found, argv);
  const [verb, ...rest] = argv;
  if (verb === undefined || verb === "--help" || verb === "-h") return printHelp(found);
  if (verb.startsWith("-")) throw misplacedFlag(verb);
  return await perform(findVerb(found, verb), rest);
}

async function perform(command: Command, argv: readonly string[]): Promise<number> {
  const parsed = parseArguments(command, argv);
  if (parsed.switches.has("--help")) return printHelp(command);
  refuseArguments(command, parsed.positionals);
  const load = ACTIONS[command.name];
  if (!load) throw new Error(`The command ${command.name} has no action`);
  return (await load())(parsed);
}

// `run` takes what it is given; the others say how much that is.
function refuseArguments({ name, usage, positional, takes }: Command, positionals: readonly string[]): void {
  const { least, most } = takes ?? { least: 0, most: positional === undefined ? 0 : 1 };
  const extra = positionals[most];
  const hint = `see: sandbox ${name} --help`;
  if (extra !== undefined)
    throw usageFault(
      "Cannot read the command line",
      `sandbox ${name} takes no argument ${JSON.stringify(extra)}`,
      hint,
    );
  if (positionals.length < least) throw usageFault("Cannot read the command line", `it is: ${usage}`, hint);
}
