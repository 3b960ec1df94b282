// Processes: wait4(2), prctl(2), execveat(2), signals; section 2 of the man pages.
import { cstring } from "./cstring.ts";
import { ERRNO } from "./errno.ts";
import { address, rawSyscall, syscall } from "./libc.ts";

const PR_SET_PDEATHSIG = 1;
const AT_EMPTY_PATH = 0x1000;
const F_SETFD = 2;
const CLOSE_RANGE_CLOEXEC = 4;
const SIGCHLD = 17;
const RLIMIT_NOFILE = 7;
export const SIGKILL = 9;

/** Exit status as a shell tells it: the code, or 128 + the signal's number. */
export function waitFor(pid: number): number {
  const status = new Int32Array(1);
  for (;;) {
    const result = rawSyscall("wait4", pid, status, 0, 0);
    if (result === -ERRNO.EINTR) continue;
    if (result < 0) return 128 + SIGKILL;
    const word = status[0] ?? 0;
    return (word & 0x7f) === 0 ? (word >> 8) & 0xff : 128 + (word & 0x7f);
  }
}

/** A caller may have set SIGCHLD to be ignored, which makes children vanish unwaited-for (sigaction(2), SA_NOCLDWAIT). */
export function defaultChildSignal(): void {
  syscall("rt_sigaction", "SIGCHLD", SIGCHLD, new Uint8Array(32), 0, 8);
}

/** SIGKILL to us when our parent goes. False when it has gone already. */
export function dieWithParent(): boolean {
  const parent = rawSyscall("getppid");
  syscall("prctl", "PR_SET_PDEATHSIG", PR_SET_PDEATHSIG, SIGKILL);
  return rawSyscall("getppid") === parent;
}

export function kill(pid: number, signal: number): void {
  rawSyscall("kill", pid, signal);
}

/** RLIMIT_NOFILE: the soft limit of this process; the hard one stays. False where it is not to be had. */
export function lowerOpenFiles(soft: number): boolean {
  const limits = new BigUint64Array(2);
  if (rawSyscall("prlimit64", 0, RLIMIT_NOFILE, 0, limits) !== 0) return false;
  limits[0] = BigInt(soft);
  return rawSyscall("prlimit64", 0, RLIMIT_NOFILE, limits, 0) === 0;
}

const CAPABILITY_VERSION_3 = 0x20080522;
const PR_SET_SECUREBITS = 28;
/** SECBIT_NOROOT and its lock, capabilities(7): an execve as root is one as anybody. */
const SECBIT_NOROOT_LOCKED = 0b11;

/**
 * Gives up all that this process may do in its user namespace beyond what an ordinary one may; what it executes gets nothing of it either,
 * also as root there.
 */
export function dropCapabilities(): void {
  // Without CAP_SETPCAP there is nothing to give up.
  rawSyscall("prctl", PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED);
  syscall("capset", "capabilities", Uint32Array.of(CAPABILITY_VERSION_3, 0), new Uint32Array(6));
}

/** CAP_SETGID and CAP_SETUID. */
const SET_IDS = (1 << 6) | (1 << 7);

/**
 * May this process write the id maps of a user namespace that it makes? Not asked of root, to whom newuidmap(1) is of use, and who may be mapping
 * ids of a namespace further up.
 */
export function mayWriteIdMaps(): boolean {
  if (rawSyscall("geteuid") === 0) return false;
  const words = new Uint32Array(6);
  const result = rawSyscall("capget", Uint32Array.of(CAPABILITY_VERSION_3, 0), words);
  return result === 0 && ((words[0] ?? 0) & SET_IDS) === SET_IDS;
}

/** Leaves at once: process.exit() costs 0.8 ms of tearing down what the kernel frees anyway. */
export function exitNow(code: number): never {
  rawSyscall("exit_group", code);
  throw new Error("exit_group returned");
}

const SIG_SETMASK = 2;

/** In this thread; those that come from here on wait no longer. */
export function unblockSignals(): void {
  rawSyscall("rt_sigprocmask", SIG_SETMASK, new BigUint64Array(1), 0, 8);
}

/**
 * Executes the open program `fd` in our place. Only the descriptors in `keep` and 0 to 2 go with it. Signals are
 * blocked in this thread, the one that survives, so what comes from here on waits for the program.
 */
export function executeInPlace(
  fd: number,
  argv: readonly string[],
  env: readonly string[],
  keep: readonly number[],
): never {
  const [words, variables] = [argv.map(cstring), env.map(cstring)];
  const [argvPointers, envPointers] = [pointersTo(words), pointersTo(variables)];
  rawSyscall("rt_sigprocmask", SIG_SETMASK, BigUint64Array.of(0xffffffffffffffffn), 0, 8);
  rawSyscall("close_range", 3, 0xffffffff, CLOSE_RANGE_CLOEXEC);
  for (const kept of keep) rawSyscall("fcntl", kept, F_SETFD, 0);
  const result = rawSyscall("execveat", fd, cstring(""), argvPointers, envPointers, AT_EMPTY_PATH);
  throw new Error(`execveat of our own program: errno ${-result}`);
}

/** NULL-terminated, as execve(2) takes them. */
function pointersTo(texts: readonly Uint8Array[]): BigUint64Array {
  return new BigUint64Array([...texts.map((text) => BigInt(address(text))), 0n]);
}

/** ppoll(2) on one descriptor for reading; true when it is ready within `milliseconds`. */
export function readableWithin(fd: number, milliseconds: number): boolean {
  const pollfd = new Int32Array([fd, 1]);
  const time = new BigInt64Array([BigInt(Math.floor(milliseconds / 1000)), BigInt(milliseconds % 1000) * 1000000n]);
  return rawSyscall("ppoll", pollfd, 1, time, 0, 8) === 1;
}
