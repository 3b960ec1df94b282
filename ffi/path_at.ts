// The *at calls for names that are bytes. File names are bytes to the kernel and to an archive; through a JavaScript
// string, one that is no UTF-8 would become another name.
import { ERRNO } from "./errno.ts";
import { Fd } from "./fd.ts";
import {
  AT_EMPTY_PATH,
  AT_REMOVEDIR,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_EXCL,
  O_WRONLY,
  openHow,
  S_IFCHR,
} from "./file.ts";
import { address, rawSyscall, type SyscallName, syscall } from "./libc.ts";
import { SyscallError } from "./syscall_error.ts";

export const S_IFIFO = 0o010000;
const PATH_MAX = 4096;
const NO_NAME = new Uint8Array(1);
const STATX_BASIC_STATS = 0x7ff;
const ATTEMPTS = 10;

/** What tells one file from another while both exist, and of which kind it is. */
export type FileIdentity = { readonly identity: string; readonly mode: number };

const NANOSECONDS = 1_000_000_000n;

/** `name` with a final NUL. Throws RangeError when a NUL is inside. */
export function cbytes(name: Uint8Array): Uint8Array<ArrayBuffer> {
  if (name.includes(0)) throw new RangeError(`a NUL byte in ${printable(name)}`);
  const bytes = new Uint8Array(name.length + 1);
  bytes.set(name);
  return bytes;
}

/**
 * As {@link cbytes}, in one place for all: an archive of 20,000 entries names each of them to the kernel a few times. Valid
 * until the next call.
 */
function cname(name: Uint8Array): Uint8Array | number {
  if (name.length >= PATH_MAX) return cbytes(name);
  if (name.includes(0)) throw new RangeError(`a NUL byte in ${printable(name)}`);
  nameBuffer.set(name);
  nameBuffer[name.length] = 0;
  return nameAddress;
}

/** `name` for a message: UTF-8 where it is, U+FFFD where it is not. */
export function printable(name: Uint8Array): string {
  return decoder.decode(name);
}

/** openat2(2); `undefined` for ENOENT. EAGAIN, a rename elsewhere while RESOLVE_IN_ROOT looked, is tried again. */
export function openBeneath(
  at: number,
  name: Uint8Array,
  flags: number,
  mode: number,
  resolve: number,
): Fd | undefined {
  const how = openHow.encode({ flags: flags | O_CLOEXEC, mode, resolve });
  const path = cname(name);
  for (let attempt = 1; ; attempt++) {
    const fd = rawSyscall("openat2", at, path, how, openHow.size);
    if (fd >= 0) return new Fd(fd);
    if (fd === -ERRNO.ENOENT) return undefined;
    if (fd !== -ERRNO.EAGAIN || attempt === ATTEMPTS) throw new SyscallError("openat2", printable(name), -fd);
  }
}

/** statx(2) of `name`, links not followed; of the descriptor itself when `name` is empty. `undefined` for ENOENT. */
export function identify(at: number, name: Uint8Array): FileIdentity | undefined {
  return statx(at, name) ? { identity: identityOf(statBuffer), mode: statBuffer.getUint16(28, true) } : undefined;
}

/** statx(2) as an archive needs it; times in nanoseconds since 1970. */
export type FileStat = FileIdentity & {
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly links: number;
  readonly mtime: bigint;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
};

/** As {@link identify}, with all that an archive says of a file. */
export function statAt(at: number, name: Uint8Array): FileStat | undefined {
  if (!statx(at, name)) return undefined;
  const view = statBuffer;
  const u32 = (offset: number): number => view.getUint32(offset, true);
  return {
    identity: identityOf(view),
    mode: view.getUint16(28, true),
    links: u32(16),
    uid: u32(20),
    gid: u32(24),
    size: Number(view.getBigUint64(40, true)),
    mtime: view.getBigInt64(112, true) * NANOSECONDS + BigInt(u32(120)),
    deviceMajor: u32(128),
    deviceMinor: u32(132),
  };
}

/** Fills {@link statBuffer}; false when there is nothing of that name. */
function statx(at: number, name: Uint8Array): boolean {
  const flags = name.length === 0 ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  const result = rawSyscall("statx", at, cname(name), flags, STATX_BASIC_STATS, statAddress);
  if (result < 0 && result !== -ERRNO.ENOENT) throw new SyscallError("statx", printable(name), -result);
  return result === 0;
}

function identityOf(view: DataView): string {
  return `${view.getUint32(136, true)}:${view.getUint32(140, true)}:${view.getBigUint64(32, true)}`;
}

/** readlinkat(2). */
export function readLink(at: number, name: Uint8Array): Uint8Array {
  const target = new Uint8Array(PATH_MAX);
  const length = syscall("readlinkat", printable(name), at, cbytes(name), target, target.length);
  return target.slice(0, length);
}

/** A new empty file, open for writing; `undefined` when the name is taken, be it by a dangling link. */
export function createFile(at: number, name: Uint8Array, mode: number): Fd | undefined {
  const fd = rawSyscall("openat", at, cname(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd === -ERRNO.EEXIST) return undefined;
  if (fd < 0) throw new SyscallError("openat", printable(name), -fd);
  return new Fd(fd);
}

/** mkdirat(2); false when the name is taken. */
export function makeDirectory(at: number, name: Uint8Array, mode: number): boolean {
  return unlessTaken("mkdirat", name, rawSyscall("mkdirat", at, cname(name), mode));
}

/** symlinkat(2); false when the name is taken. */
export function makeSymlink(target: Uint8Array, at: number, name: Uint8Array): boolean {
  return unlessTaken("symlinkat", name, rawSyscall("symlinkat", cbytes(target), at, cname(name)));
}

/** linkat(2), links not followed; false when the name is taken. */
export function makeLink(fromAt: number, from: Uint8Array, at: number, name: Uint8Array): boolean {
  return unlessTaken("linkat", name, rawSyscall("linkat", fromAt, cbytes(from), at, cname(name), 0));
}

/**
 * mknodat(2) of a character device 0:0, the whiteout of overlayfs, for which no privilege is needed since Linux 5.8; false
 * when the name is taken, `undefined` when this kernel or file system makes none.
 */
export function makeWhiteout(at: number, name: Uint8Array): boolean | undefined {
  const result = rawSyscall("mknodat", at, cname(name), S_IFCHR, 0);
  if (result === -ERRNO.EPERM || result === -ERRNO.EOPNOTSUPP) return undefined;
  return unlessTaken("mknodat", name, result);
}

/** mknodat(2) of a FIFO; false when the name is taken. */
export function makeFifo(at: number, name: Uint8Array, mode: number): boolean {
  return unlessTaken("mknodat", name, rawSyscall("mknodat", at, cname(name), S_IFIFO | mode, 0));
}

export function removeName(at: number, name: Uint8Array, kind: "file" | "directory"): void {
  syscall("unlinkat", printable(name), at, cname(name), kind === "directory" ? AT_REMOVEDIR : 0);
}

/** rename(2). */
export function renameBytes(fromAt: number, from: Uint8Array, toAt: number, to: Uint8Array): void {
  syscall("renameat2", printable(from), fromAt, cbytes(from), toAt, cbytes(to), 0);
}

/** fchmodat(2). Follows a link: for names that the caller knows to be none. */
export function changeMode(at: number, name: Uint8Array, mode: number): void {
  syscall("fchmodat", printable(name), at, cname(name), mode);
}

/** This process's file mode creation mask: umask(2) only tells it by changing it. */
export function fileModeMask(): number {
  const mask = rawSyscall("umask", 0);
  rawSyscall("umask", mask);
  return mask;
}

/** fchmod(2), not subject to the umask. */
export function changeOpenMode(fd: number, object: Uint8Array, mode: number): void {
  const result = rawSyscall("fchmod", fd, mode);
  if (result < 0) throw new SyscallError("fchmod", printable(object), -result);
}

/** fchownat(2), links not followed; of the descriptor itself when `name` is undefined. It clears setuid and setgid. */
export function changeOwner(at: number, name: Uint8Array | undefined, object: string, uid: number, gid: number): void {
  syscall("fchownat", object, at, name ? cname(name) : NO_NAME, uid, gid, name ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH);
}

/** ftruncate(2): what was not written reads as zeros. */
export function changeSize(fd: number, object: string, size: number): void {
  syscall("ftruncate", object, fd, size);
}

/** pwrite(2) of all of `bytes`, again after EINTR and short writes. */
export function writeAllAt(fd: number, object: string, bytes: Uint8Array, position: number): void {
  for (let put = 0; put < bytes.length; ) {
    const rest = put === 0 ? bytes : bytes.subarray(put);
    const result = rawSyscall("pwrite64", fd, rest, rest.length, position + put);
    if (result < 0 && result !== -ERRNO.EINTR) throw new SyscallError("write", object, -result);
    if (result > 0) put += result;
  }
}

/** utimensat(2), links not followed; of the descriptor itself when `name` is undefined. `mtime` in ns since 1970, used for both times. */
export function changeTimes(at: number, name: Uint8Array | undefined, object: Uint8Array, mtime: bigint): void {
  const nanoseconds = ((mtime % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
  const seconds = (mtime - nanoseconds) / NANOSECONDS;
  timesBuffer[0] = timesBuffer[2] = seconds;
  timesBuffer[1] = timesBuffer[3] = nanoseconds;
  const flags = name ? AT_SYMLINK_NOFOLLOW : 0;
  const result = rawSyscall("utimensat", at, name ? cname(name) : 0, timesAddress, flags);
  if (result < 0) throw new SyscallError("utimensat", printable(object), -result);
}

/** lseek(2) to the start: the next read, of a file or of a folder's entries, begins there. */
export function rewind(fd: number, object: string): void {
  syscall("lseek", object, fd, 0, 0);
}

/** syncfs(2): everything written so far to the file system of `fd` is on its device. */
export function syncFileSystem(fd: number, object: string): void {
  syscall("syncfs", object, fd);
}

function unlessTaken(call: SyscallName, name: Uint8Array, result: number): boolean {
  if (result === -ERRNO.EEXIST) return false;
  if (result < 0) throw new SyscallError(call, printable(name), -result);
  return true;
}

const decoder = new TextDecoder();
// Arguments of one call each, never kept between two. Views of a buffer that is there first: the memory of others moves.
const nameBuffer = new Uint8Array(new ArrayBuffer(PATH_MAX + 1));
const nameAddress = address(nameBuffer);
const statBuffer = new DataView(new ArrayBuffer(256));
const statAddress = address(new Uint8Array(statBuffer.buffer));
const timesBuffer = new BigInt64Array(new ArrayBuffer(32));
const timesAddress = address(timesBuffer);
