// The command: limits while the host's /proc is still there, session, terminal, filter, and PID 1's execve.
import { RLIMIT_TYPES, type Spec } from "../spec/spec.ts";
import { O, PR, SECCOMP_SET_MODE_FILTER, SIGKILL } from "./constants.ts";
import { initArguments } from "./init_arguments.ts";
import { AT_FDCWD } from "./mount_steps.ts";
import { filterProgram, planDenial, planListener } from "./plan_connects.ts";
import type { Program } from "./program.ts";
import { sendDescriptor } from "./send_descriptor.ts";
import { type Bytes, flags, named } from "./step.ts";

/** Descriptors of the supervisor's that the child inherits, and bytes that were prepared for it. */
export type ExecInputs = {
  /** Write end of the pipe that failures are reported on. */
  readonly statusFd: number;
  /** Read end of the pipe that releases a child whose ids a helper maps. */
  readonly releaseFd: number;
  /** The supervisor's ends of the pipes: closed first, so that its death is seen as end of file and SIGPIPE. */
  readonly parentOnly: readonly number[];
  /** The word that tells the supervisor's signal handler that there is a command to forward to. */
  readonly startedAddress: number;
  /** The memfd of PID 1. */
  readonly initFd: number;
  /** A connected socket that takes the terminal's master descriptor. */
  readonly terminalFd: number;
  /** A connected socket that takes the descriptor of the network device. */
  readonly networkFd: number;
  /** struct winsize of the caller's terminal. */
  readonly windowSize?: Uint8Array;
  /** struct sock_filter[] each, seccomp(2), in the order of their installation. */
  readonly filters: readonly Uint8Array[];
  /** One more, whose listener goes to the supervisor. */
  readonly connectFilter?: Uint8Array | undefined;
  /** Absolute paths to try in turn, execvp(3). */
  readonly candidates: readonly string[];
};

const INIT_DIRECT = 1;
const INIT_CONTROLLING_TTY = 2;
const RLIM_INFINITY = 0xffffffffffffffffn;

/** Limits, niceness and the OOM killer's score. Written before the pivot: /proc/self is the host's there, whatever `--proc` says. */
export function planLimits(program: Program, spec: Spec): void {
  const { rlimits, scheduler, oomScoreAdj } = spec.process;
  for (const { type, soft, hard } of rlimits) {
    const value = (limit: number): bigint => (limit === Number.POSITIVE_INFINITY ? RLIM_INFINITY : BigInt(limit));
    const content = new Uint8Array(BigUint64Array.of(value(soft), value(hard)).buffer);
    const bytes: Bytes = { kind: "bytes", content, shown: `{${soft}, ${hard}}` };
    program.add({ kind: "rlimit", type }, "prlimit64", [0, named(RLIMIT_TYPES.indexOf(type), type), bytes, 0]);
  }
  if (scheduler) program.add({ kind: "nice" }, "setpriority", [named(0, "PRIO_PROCESS"), 0, scheduler.nice]);
  if (oomScoreAdj !== undefined)
    program.writeFile({ kind: "oom-score" }, "/proc/self/oom_score_adj", String(oomScoreAdj));
}

export function planCommand(program: Program, spec: Spec, inputs: ExecInputs): void {
  if (spec.process.terminal) planTerminal(program, inputs);
  if (spec.sandbox.newSession || spec.process.terminal)
    program.add({ kind: "session" }, "setsid", [], { tolerate: ["EPERM"] });
  if (spec.sandbox.seccomp.kind !== "default") planKeyring(program);
  planDeath(program, inputs);
  if (inputs.connectFilter) planDenial(program);
  for (const filter of inputs.filters) planFilter(program, filter);
  if (inputs.connectFilter) planListener(program, inputs.connectFilter, inputs.networkFd);
  planInit(program, spec, inputs);
}

// The caller's session keyring would go with the process (session-keyring(7)). The default filter refuses every call on keys;
// under another one, an empty keyring takes its place. ENOSYS: a kernel without keys; EPERM: an outer filter that refuses them as well.
function planKeyring(program: Program): void {
  const join = named(1, "KEYCTL_JOIN_SESSION_KEYRING");
  program.add({ kind: "session" }, "keyctl", [join, 0, 0, 0, 0], { tolerate: ["ENOSYS", "EPERM"] });
}

// A pair of the sandbox's own devpts: whoever holds the master holds nothing of the caller's terminal (TIOCSTI, CVE-2017-5226).
function planTerminal(program: Program, { terminalFd, windowSize }: ExecInputs): void {
  const aim = { kind: "terminal" } as const;
  const master = program.let("master", aim, "openat", [
    AT_FDCWD,
    "/dev/ptmx",
    flags(O, "O_RDWR", "O_NOCTTY", "O_CLOEXEC"),
    0,
  ]);
  const unlock: Bytes = { kind: "bytes", content: new Uint8Array(4), shown: "&0" };
  program.add(aim, "ioctl", [master, named(0x40045431, "TIOCSPTLCK"), unlock]);
  const peer = named(O.O_RDWR + O.O_NOCTTY, "O_RDWR|O_NOCTTY");
  const slave = program.let("slave", aim, "ioctl", [master, named(0x5441, "TIOCGPTPEER"), peer]);
  if (windowSize)
    program.add(aim, "ioctl", [
      slave,
      named(0x5414, "TIOCSWINSZ"),
      { kind: "bytes", content: windowSize, shown: "&size" },
    ]);
  sendDescriptor(program, { kind: "terminal" }, terminalFd, master);
  for (const fd of [0, 1, 2]) program.add(aim, "dup3", [slave, fd, 0]);
  program.add(aim, "close", [slave]);
  program.add(aim, "close", [master]);
}

// After the last change of credentials, which clears it (prctl(2), PR_SET_PDEATHSIG). Should the supervisor have died
// before, nobody reads the status pipe any more and this write ends the child by SIGPIPE.
function planDeath(program: Program, { statusFd, startedAddress }: ExecInputs): void {
  const aim = { kind: "die-with-parent" } as const;
  program.add(aim, "prctl", [named(PR.PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"), named(SIGKILL, "SIGKILL"), 0, 0, 0]);
  program.add(aim, "store", [named(startedAddress, "&started"), 1]);
  const ready: Bytes = { kind: "bytes", content: new Uint8Array(4), shown: "ready" };
  program.add(aim, "write", [named(statusFd, "status"), ready, ready.content.length]);
}

function planFilter(program: Program, filter: Uint8Array): void {
  const mode = named(SECCOMP_SET_MODE_FILTER, "SECCOMP_SET_MODE_FILTER");
  program.add({ kind: "seccomp" }, "seccomp", [mode, 0, filterProgram(filter)]);
}

function planInit(program: Program, spec: Spec, inputs: ExecInputs): void {
  const { args, env, terminal } = spec.process;
  const mode = (spec.sandbox.init ? 0 : INIT_DIRECT) + (terminal ? INIT_CONTROLLING_TTY : 0);
  const command = [spec.sandbox.argv0 ?? args[0] ?? "", ...args.slice(1)];
  const argv = initArguments(inputs.statusFd, mode, inputs.candidates, command);
  program.add({ kind: "init" }, "execveat", [
    named(inputs.initFd, "init"),
    "",
    { kind: "strings", list: argv },
    { kind: "strings", list: env },
    flags({ AT_EMPTY_PATH: 0x1000 }, "AT_EMPTY_PATH"),
  ]);
}
