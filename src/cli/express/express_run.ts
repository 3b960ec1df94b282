// The short way of `sandbox run`: where the command line is one of the commonest, its plan has been laid out when the program was
// built, and a start only fills in what differs. The child begins to perform it while the rest is still being filled in. Every
// other line, and every failure, goes the long way (commands/run.ts), whose plan has the same steps.

import { ERRNO } from "../../../ffi/errno.ts";
import type { Fd } from "../../../ffi/fd.ts";
import { rawSyscall, STAGE_ADDRESSES } from "../../../ffi/libc.ts";
import { exitNow, kill, SIGKILL, waitFor } from "../../../ffi/process.ts";
import { commandCandidates } from "../../launch/command_candidates.ts";
import { initArguments } from "../../plan/init_arguments.ts";
import { titleOf } from "../../supervisor/title.ts";
import type { Parsed } from "../command.ts";
import { expressArguments } from "./express_arguments.ts";
import { expressHost } from "./express_host.ts";
import { type ExpressNetwork, networkVariable } from "./express_network.ts";
import type { PlanMemory } from "./plan_memory.ts";

/** A command line that has found its plan. */
export type Express = {
  readonly memory: PlanMemory;
  readonly network: ExpressNetwork;
  /** Keeps a tree in the store for as long as the sandbox lives. */
  readonly lock?: Fd | undefined;
  /** Fills in what differs but for the command, and adds its pieces; the command's environment. `undefined`: not for here after all. */
  readonly complete: (pid: number) => readonly string[] | undefined;
};

const MFD_CLOEXEC_ALLOW_SEALING = 3;
/** Whether the command runs is known. */
const NO_STATUS = 0;
const READY_BYTES = 4;
const F_SETFD = 2;
/** stage/executor.c: where a signal is written to, then the word that tells whether there is a command to be told of it. */
const STARTED_OFFSET = 4;
/** A waiter keeps the line that it may have to repeat, and its environment, for as long as the sandbox lives. */
const [LONGEST_LINE, LARGEST_ENVIRONMENT] = [1000, 16384];

/** Runs `sandbox ARGV` when it is one of those; else comes back, with nothing left of it. */
export async function expressRun(argv: readonly string[]): Promise<void> {
  const parsed = expressArguments(argv, 1);
  if (parsed === undefined) return;
  const rootfs = parsed.values.get("--rootfs")?.[0] ?? "host";
  if (rootfs === "host") return perform(expressHost(parsed, process.env), parsed, argv);
  perform((await import("./express_overlay.ts")).expressOverlay(parsed, process.env), parsed, argv);
}

function perform(express: Express | undefined, parsed: Parsed, argv: readonly string[]): void {
  if (express === undefined) return;
  const { memory } = express;
  if (!openDescriptors(express)) return;
  addStart(express);
  memory.release();
  memory.perform("launch");
  const pid = memory.result("pid");
  if (pid < 0) return;
  supervise(express, parsed, argv, pid);
  express.lock?.close();
  // The command has not run, so the long way may try again: it fails as this one did, and says why.
  kill(pid, SIGKILL);
  waitFor(pid);
}

/** What the child begins with, before anything is known of the caller. */
export function addStart({ memory, network }: Pick<Express, "memory" | "network">): void {
  memory.add("start");
  if (network === "slirp") memory.add("tap");
  memory.add("attached");
}

/** The pipes and PID 1. `false` where one cannot be had, or where the command would be on a terminal. */
function openDescriptors({ memory, network }: Express): boolean {
  memory.fill("signalPipe", STAGE_ADDRESSES.signalState);
  memory.fill("started", STAGE_ADDRESSES.signalState + STARTED_OFFSET);
  memory.perform("open");
  if (memory.result("terminal 0") === 0 && memory.result("terminal 1") === 0) return false;
  if (memory.result("parent") !== memory.result("parent now")) exitNow(125);
  if (network === "slirp") {
    memory.perform("open network");
    if (memory.result("network sockets") !== 0) return false;
  }
  memory.perform("init");
  if (memory.result("init") === -ERRNO.EINVAL) {
    // MFD_EXEC is there since 6.3; before, every memfd can be executed.
    memory.fill("memfdFlags", MFD_CLOEXEC_ALLOW_SEALING);
    memory.perform("init");
  }
  return memory.result("pipe") === 0 && memory.result("signal pipe") === 0 && memory.result("init sealed") === 0;
}

function supervise(express: Express, { positionals }: Parsed, argv: readonly string[], pid: number): void {
  const { memory, network, complete, lock } = express;
  const env = complete(pid);
  if (env === undefined) return;
  const candidates = commandCandidates(positionals, env);
  memory.fillVector("argv", initArguments(memory.result("status write"), 0, candidates, positionals));
  memory.fillVector("envp", env);
  memory.add("end");
  memory.release();
  memory.perform("linger");
  if (network === "slirp" && memory.result("program") < 0) return;
  const numbers = `${pid} ${memory.result("pidfd")} 0 ${memory.result("signals read")}`;
  handOverEarly(express, argv, numbers);
  memory.perform("await");
  if (memory.result("first read") !== READY_BYTES || memory.result("second read") !== 0) return;
  memory.fillVector("waiter arguments", [
    "sandbox",
    `${numbers} ${networkNumbers(express, NO_STATUS)}`,
    titleOf(positionals),
  ]);
  memory.fillVector("waiter environment", variablesOf(network));
  memory.perform("leave");
  if (network === "slirp") memory.perform("keep network");
  keepOpen(lock);
  memory.perform("become waiter");
}

/** The waiter learns itself whether the command runs, and has all that it takes to go the long way where it does not. */
function handOverEarly(express: Express, argv: readonly string[], numbers: string): void {
  const { memory, network, lock } = express;
  let size = 0;
  for (const word of argv) size += word.length;
  const environment = environmentOf(process.env);
  if (size > LONGEST_LINE || environment === undefined || memory.result("program") < 0) return;
  const more = networkNumbers(express, memory.result("status read"));
  memory.fillVector("waiter arguments", ["sandbox", `${numbers} ${more}`, ...argv]);
  memory.fillVector("waiter environment", [...variablesOf(network), ...environment]);
  memory.perform("leave");
  memory.perform("keep status");
  if (network === "slirp") memory.perform("keep network");
  keepOpen(lock);
  memory.perform("become waiter");
}

/** "STATUS PROGRAM NETWORK", as ffi/stage/waiter.c reads them. */
function networkNumbers({ memory, network }: Express, status: number): string {
  const program = memory.result("program");
  return network === "slirp" ? `${status} ${program} ${memory.result("network")}` : `${status} ${status && program} 0`;
}

function variablesOf(network: ExpressNetwork): readonly string[] {
  return network === "slirp" ? [networkVariable(process.env)] : [];
}

function keepOpen(lock: Fd | undefined): void {
  if (lock) rawSyscall("fcntl", lock.number, F_SETFD, 0);
}

function environmentOf(env: NodeJS.ProcessEnv): readonly string[] | undefined {
  const list: string[] = [];
  let size = 0;
  for (const name in env) {
    const variable = `${name}=${env[name]}`;
    size += variable.length;
    list.push(variable);
  }
  return size > LARGEST_ENVIRONMENT ? undefined : list;
}
