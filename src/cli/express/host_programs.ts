// What the host itself does around a clone, as programs for the executor: a call from JavaScript costs ten microseconds while its code
// is cold, a step costs the system call. Results stay in registers, which express_run.ts reads; descriptors go straight into
// the steps that take them.
import { launchStruct, SEGMENTS_BYTES, STACK_BYTES } from "../../../ffi/launch.ts";
import { stageProgram } from "../../../ffi/libc.ts";
import { Program } from "../../plan/program.ts";
import { type Argument, type Bytes, named, type Register, type Step } from "../../plan/step.ts";
import { OWN_FILES, SYSTEM_FOLDERS } from "../../spec/host_view.ts";
import { LINK_BYTES, RESOLVER_BYTES } from "./look_sizes.ts";
import { MAP_PIECES } from "./map_helper_steps.ts";
import type { Scratch } from "./scratch.ts";
import { NUMBERS, WAITER_ARGUMENTS, WAITER_ENVIRONMENT } from "./specimens.ts";

export const CWD_BYTES = 4096;
export const LIMIT_BYTES = 16;
export const LOOKED_AT = [...SYSTEM_FOLDERS, "/tmp", "/run", "/home", ...OWN_FILES] as const;

const AIM = { kind: "descriptors" } as const;
const AT_FDCWD = named(-100, "AT_FDCWD");
const AT_SYMLINK_NOFOLLOW = named(0x100, "AT_SYMLINK_NOFOLLOW");
const STATX_TYPE = named(1, "STATX_TYPE");
const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const O_PATH = 0o10000000;
const F_SETFD = named(2, "F_SETFD");
const F_ADD_SEALS = named(1033, "F_ADD_SEALS");
const ALL_SEALS = named(0xf, "F_SEAL_SEAL|F_SEAL_SHRINK|F_SEAL_GROW|F_SEAL_WRITE");
const TCGETS = named(0x5401, "TCGETS");
const RLIMIT_NOFILE = named(7, "RLIMIT_NOFILE");
const [SIGCHLD, SIGKILL] = [named(17, "SIGCHLD"), named(9, "SIGKILL")];
const [PR_SET_PDEATHSIG, PR_SET_NAME] = [named(1, "PR_SET_PDEATHSIG"), named(15, "PR_SET_NAME")];
const SIG_SETMASK = named(2, "SIG_SETMASK");
const CLOSE_RANGE_CLOEXEC = named(4, "CLOSE_RANGE_CLOEXEC");
const AT_EMPTY_PATH = named(0x1000, "AT_EMPTY_PATH");
const AF_UNIX = named(1, "AF_UNIX");
const SOCK_SEQPACKET_CLOEXEC = named(0o2000005, "SOCK_SEQPACKET|SOCK_CLOEXEC");
const REPORT_BYTES = 2048;

export type HostPrograms = {
  readonly pieces: Readonly<Record<string, readonly Step[]>>;
  /** Registers by name. */
  readonly results: Readonly<Record<string, number>>;
  /** struct launch of the sandbox's clone. */
  readonly launch: Bytes;
};

export type HostProgramInputs = {
  /** What is looked at on the host. */
  readonly paths: readonly string[];
  readonly scratch: Scratch;
  /** Addresses of the arguments that take the value of that name. */
  readonly holes: (name: string) => readonly number[];
  readonly cloneFlags: number;
  /** Whether newuidmap(1) and newgidmap(1) are to map the ids. */
  readonly mapsRange: boolean;
};

export function hostPrograms({ paths, scratch, holes, cloneFlags, mapsRange }: HostProgramInputs): HostPrograms {
  const program = new Program();
  const pieces: Record<string, readonly Step[]> = {};
  const piece = (name: string, write: () => void): void => {
    const before = program.steps.length;
    write();
    pieces[name] = program.steps.slice(before);
  };
  const launch = launchBytes(scratch, "launch", { clone_flags: cloneFlags, catch_signals: 1 });
  piece("open", () => open(program, scratch, launch, holes));
  piece("open network", () => openNetwork(program, scratch, holes));
  piece("look", () => look(program, scratch, paths));
  piece("init", () => storeInto(program, sealedProgram(program, "init"), holes("init")));
  piece("launch", () => {
    program.let("pid", AIM, "launch", [launch]);
    program.let("pidfd", AIM, "load", [field(launch, "pidfd")]);
  });
  if (mapsRange) mapIds(program, scratch, piece);
  piece("linger", () => linger(program, scratch));
  piece("await", () => awaitExec(program, scratch));
  piece("leave", () => leave(program));
  piece("keep status", () => keep(program, "status read", "program"));
  piece("keep network", () => keep(program, "program", "network"));
  piece("become waiter", () => becomeWaiter(program));
  return { pieces, results: program.registerIndexes, launch };
}

/** Everything that a start must know of the caller and the host. */
function look(program: Program, scratch: Scratch, paths: readonly string[]): void {
  program.let("uid", AIM, "geteuid", []);
  program.let("gid", AIM, "getegid", []);
  program.let("cwd", AIM, "getcwd", [scratch.slot("cwd", CWD_BYTES), CWD_BYTES]);
  program.let("parent limit", AIM, "prlimit64", [
    program.register("parent"),
    RLIMIT_NOFILE,
    0,
    scratch.slot("parent limit", LIMIT_BYTES),
  ]);
  program.let("own limit", AIM, "prlimit64", [0, RLIMIT_NOFILE, 0, scratch.slot("own limit", LIMIT_BYTES)]);
  const resolver = program.let("resolver file", AIM, "openat", [AT_FDCWD, "/etc/resolv.conf", O_CLOEXEC, 0]);
  const into = scratch.slot("resolver", RESOLVER_BYTES);
  program.let("resolver", AIM, "read", [resolver, into, RESOLVER_BYTES]);
  program.add(AIM, "close", [resolver]);
  for (const path of paths) {
    const link = scratch.slot(`link ${path}`, LINK_BYTES);
    program.let(`link ${path}`, AIM, "readlinkat", [AT_FDCWD, path, link, LINK_BYTES]);
    const status = scratch.slot(`status ${path}`, 256);
    program.let(`status ${path}`, AIM, "statx", [AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, status]);
  }
}

/** Is there a terminal, and a parent to die with; the pipes; and a SIGCHLD that the caller may have set to be ignored (sigaction(2), SA_NOCLDWAIT). */
function open(program: Program, scratch: Scratch, launch: Bytes, holes: HostProgramInputs["holes"]): void {
  for (const fd of [0, 1]) program.let(`terminal ${fd}`, AIM, "ioctl", [fd, TCGETS, scratch.slot("termios", 64)]);
  program.let("parent", AIM, "getppid", []);
  program.add(AIM, "prctl", [PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0]);
  program.let("parent now", AIM, "getppid", []);
  program.add(AIM, "rt_sigaction", [SIGCHLD, zeros(32), 0, 8]);
  const status = scratch.slot("status", 8);
  program.let("pipe", AIM, "pipe2", [status, O_CLOEXEC]);
  storeInto(program, program.let("status read", AIM, "load", [status]), holes("statusRead"));
  const write = program.let("status write", AIM, "load", [status + 4]);
  storeInto(program, write, holes("status"));
  program.add(AIM, "store", [field(launch, "status_fd"), write]);
  const signals = scratch.slot("signals", 8);
  program.let("signal pipe", AIM, "pipe2", [signals, O_CLOEXEC + O_NONBLOCK]);
  program.let("signals read", AIM, "load", [signals]);
  program.add(AIM, "store", [NUMBERS.signalPipe, program.let("signals write", AIM, "load", [signals + 4])]);
  // Before the clone: the child holds it too, so that the memory outlives its execve as well.
  program.add(AIM, "pipe2", [scratch.slot("linger", 8), O_CLOEXEC]);
}

/** The sockets that the network device comes by (ffi/pipe.ts, socketPair). */
function openNetwork(program: Program, scratch: Scratch, holes: HostProgramInputs["holes"]): void {
  const sockets = scratch.slot("network", 8);
  program.let("network sockets", AIM, "socketpair", [AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0, sockets]);
  program.let("network", AIM, "load", [sockets]);
  storeInto(program, program.let("network theirs", AIM, "load", [sockets + 4]), holes("network"));
}

/** Both helpers at once, each a child that performs the piece of its name (map_helper_steps.ts); then their exit statuses. */
function mapIds(program: Program, scratch: Scratch, piece: (name: string, write: () => void) => void): void {
  piece("start maps", () => {
    for (const name of MAP_PIECES) {
      const segments = scratch.slot(`${name} segments`, SEGMENTS_BYTES);
      program.let(name, AIM, "launch", [launchBytes(scratch, name, { segments, released: 1, status_fd: -1 })]);
    }
  });
  piece("await maps", () => {
    for (const name of MAP_PIECES)
      program.let(`${name} ended`, AIM, "wait4", [program.register(name), scratch.slot(`${name} status`, 8), 0, 0]);
  });
}

/** ffi/linger.ts, the waiter in a sealed memfd, and this program: done while the child is at work. */
function linger(program: Program, scratch: Scratch): void {
  for (const name of ["status write", "init"]) program.add(AIM, "close", [program.register(name)]);
  sealedProgram(program, "waiter");
  program.let("program", AIM, "openat", [AT_FDCWD, "/proc/self/exe", named(O_PATH + O_CLOEXEC, "O_PATH|O_CLOEXEC"), 0]);
  const idle = launchBytes(scratch, "linger", { segments: 0 });
  const read = program.let("linger read", AIM, "load", [scratch.slot("linger", 8)]);
  program.add(AIM, "store", [field(idle, "status_fd"), read]);
  program.add(AIM, "launch", [idle]);
  program.add(AIM, "close", [read]);
}

/** "ready" and the end of file, or a report: src/launch/await_exec.ts. */
function awaitExec(program: Program, scratch: Scratch): void {
  const status = program.register("status read");
  const report = scratch.slot("report", REPORT_BYTES);
  program.let("first read", AIM, "read", [status, report, REPORT_BYTES]);
  program.let("second read", AIM, "read", [status, report, REPORT_BYTES]);
}

/** executeInPlace() of ffi/process.ts, but for its last step. */
function leave(program: Program): void {
  program.add(AIM, "prctl", [PR_SET_NAME, "sandbox", 0, 0, 0]);
  const all: Bytes = { kind: "bytes", content: new Uint8Array(8).fill(0xff), shown: "~[]" };
  program.add(AIM, "rt_sigprocmask", [SIG_SETMASK, all, 0, 8]);
  program.add(AIM, "close_range", [3, 0xffffffff, CLOSE_RANGE_CLOEXEC]);
  keep(program, "pidfd", "signals read");
}

function keep(program: Program, ...names: readonly string[]): void {
  for (const name of names) program.add(AIM, "fcntl", [program.register(name), F_SETFD, 0]);
}

/** Comes back only where it fails. */
function becomeWaiter(program: Program): void {
  const argv: Argument = { kind: "strings", list: [WAITER_ARGUMENTS] };
  const envp: Argument = { kind: "strings", list: [WAITER_ENVIRONMENT] };
  program.add(AIM, "execveat", [program.register("waiter"), "", argv, envp, AT_EMPTY_PATH]);
}

function sealedProgram(program: Program, name: "init" | "waiter"): Register {
  const content = stageProgram(name);
  const fd = program.let(name, AIM, "memfd_create", [`sandbox-${name}`, NUMBERS.memfdFlags]);
  program.let(`${name} written`, AIM, "write", [fd, { kind: "bytes", content, shown: name }, content.length]);
  program.let(`${name} sealed`, AIM, "fcntl", [fd, F_ADD_SEALS, ALL_SEALS]);
  return fd;
}

function storeInto(program: Program, register: Register, addresses: readonly number[]): void {
  for (const address of addresses) program.add(AIM, "store", [address, register]);
}

function launchBytes(scratch: Scratch, name: string, fields: Parameters<typeof launchStruct.encode>[0]): Bytes {
  const content = launchStruct.encode({
    segments: scratch.slot("segments", SEGMENTS_BYTES),
    stack: scratch.slot(`${name} stack`, STACK_BYTES),
    stack_size: STACK_BYTES,
    cgroup_fd: -1,
    pidfd: -1,
    ...fields,
  });
  return { kind: "bytes", content, shown: name };
}

function field(launch: Bytes, name: keyof typeof launchStruct.offsets): Argument {
  return { kind: "inside", of: launch, at: launchStruct.offsets[name] };
}

function zeros(length: number): Bytes {
  return { kind: "bytes", content: new Uint8Array(length), shown: "{}" };
}
