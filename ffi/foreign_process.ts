// Another process's descriptors and memory: pidfd_open(2), pidfd_getfd(2), process_vm_readv(2), kcmp(2) and /proc/PID. All of it wants
// the right to trace that process, which the owner of its user namespace has.
import { cstring } from "./cstring.ts";
import { O_CLOEXEC, O_DIRECTORY, O_RDONLY, readdir, readlink, readText } from "./file.ts";
import { rawSyscall, type SyscallArgument } from "./libc.ts";
import { PinnedBuffer } from "./pinned_buffer.ts";
import { SyscallError } from "./syscall_error.ts";

/** O_EXCL: the thread itself and not the process that it is of, whose descriptors may be others (CLONE_FILES). Since Linux 6.9. */
const PIDFD_THREAD = 0o200;
const KCMP_EPOLL_TFD = 7;
const CLOSE_ON_EXEC = 0o2000000;

/** A descriptor of ours for the open file that is descriptor `number` of thread `pid`, or a negated errno. */
export function foreignDescriptor(pid: number, number: number): number {
  const pidfd = rawSyscall("pidfd_open", pid, PIDFD_THREAD);
  if (pidfd < 0) return pidfd;
  const own = rawSyscall("pidfd_getfd", pidfd, number, 0);
  rawSyscall("close", pidfd);
  return own;
}

/** Copies memory of other processes, one vector each way made once. */
export class ForeignMemory {
  readonly #vectors = new PinnedBuffer(32);
  readonly #view = new DataView(this.#vectors.bytes.buffer);

  /** `length` bytes at `from` in `pid` to our own address `to`: how many came, or a negated errno. */
  read(pid: number, from: number, to: number, length: number): number {
    this.#view.setBigUint64(0, BigInt(to), true);
    this.#view.setBigUint64(8, BigInt(length), true);
    this.#view.setBigUint64(16, BigInt(from), true);
    this.#view.setBigUint64(24, BigInt(length), true);
    const { address } = this.#vectors;
    return rawSyscall("process_vm_readv", pid, address, 1, address + 16, 1, 0);
  }
}

export type ForeignFile = { readonly number: number /** As the link in /proc shows it. */; readonly shown: string };

/** The descriptors of `pid`; `undefined` when there are more than `most`, or none can be seen. */
export function foreignFiles(pid: number, most: number): readonly ForeignFile[] | undefined {
  const folder = rawSyscall("openat", -100, cstring(`/proc/${pid}/fd`), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (folder < 0) return undefined;
  try {
    const names = readdir(folder, "/proc/PID/fd").map(({ name }) => decoder.decode(name));
    if (names.length > most) return undefined;
    return names.map((name) => ({ number: Number(name), shown: readlink(name, folder) ?? "" }));
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  } finally {
    rawSyscall("close", folder);
  }
}

/** FD_CLOEXEC of a descriptor of `pid`; `undefined` when it is gone. */
export function closesOnExec(pid: number, number: number): boolean | undefined {
  const flags = /^flags:\s*([0-7]+)/m.exec(textOf(`/proc/${pid}/fdinfo/${number}`))?.[1];
  return flags === undefined ? undefined : (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) !== 0;
}

/** A thread may end, or become somebody whom we may not look at, at any moment. */
function textOf(path: string): string {
  try {
    return readText(path) ?? "";
  } catch (error) {
    if (error instanceof SyscallError) return "";
    throw error;
  }
}

/** Whether descriptor `epoll` of `pid`, an epoll instance, waits for its descriptor `number`. True also where that cannot be known. */
export function isWatchedBy(pid: number, epoll: number, number: number): boolean {
  const slot: SyscallArgument = Uint32Array.of(epoll, number, 0);
  const result = rawSyscall("kcmp", pid, pid, KCMP_EPOLL_TFD, number, slot);
  return result !== NOT_WATCHED;
}
/** ENOENT: of that number and file there is no registration. */
const NOT_WATCHED = -2;

const decoder = new TextDecoder();
