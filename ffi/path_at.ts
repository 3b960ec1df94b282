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
} from "./file.ts";
import { rawSyscall, syscall } from "./libc.ts";
import { struct } from "./struct.ts";
import { SyscallError } from "./syscall_error.ts";

const S_IFIFO = 0o010000;
const STATX_BASIC_STATS = 0x7ff;
const ATTEMPTS = 10;

/** What tells one file from another while both exist, and of which kind it is. */
export type FileIdentity = { readonly identity: string; readonly mode: number };

const times = struct({ atimeSec: "s64", atimeNsec: "s64", mtimeSec: "s64", mtimeNsec: "s64" });
const NANOSECONDS = 1_000_000_000n;

/** `name` with a final NUL. Throws RangeError when a NUL is inside. */
export function cbytes(name: Uint8Array): Uint8Array<ArrayBuffer> {
  if (name.includes(0)) throw new RangeError(`a NUL byte in ${printable(name)}`);
  const bytes = new Uint8Array(name.length + 1);
  bytes.set(name);
  return bytes;
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
  const path = cbytes(name);
  for (let attempt = 1; ; attempt++) {
    const fd = rawSyscall("openat2", at, path, how, openHow.size);
    if (fd >= 0) return new Fd(fd);
    if (fd === -ERRNO.ENOENT) return undefined;
    if (fd !== -ERRNO.EAGAIN || attempt === ATTEMPTS) throw new SyscallError("openat2", printable(name), -fd);
  }
}

/** statx(2) of `name`, links not followed; of the descriptor itself when `name` is empty. `undefined` for ENOENT. */
export function identify(at: number, name: Uint8Array): FileIdentity | undefined {
  const buffer = new Uint8Array(256);
  const flags = name.length === 0 ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  const result = rawSyscall("statx", at, cbytes(name), flags, STATX_BASIC_STATS, buffer);
  if (result === -ERRNO.ENOENT) return undefined;
  if (result < 0) throw new SyscallError("statx", printable(name), -result);
  const view = new DataView(buffer.buffer);
  const device = `${view.getUint32(136, true)}:${view.getUint32(140, true)}`;
  return { identity: `${device}:${view.getBigUint64(32, true)}`, mode: view.getUint16(28, true) };
}

/** A new empty file, open for writing; `undefined` when the name is taken, be it by a dangling link. */
export function createFile(at: number, name: Uint8Array, mode: number): Fd | undefined {
  const fd = rawSyscall("openat", at, cbytes(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd === -ERRNO.EEXIST) return undefined;
  if (fd < 0) throw new SyscallError("openat", printable(name), -fd);
  return new Fd(fd);
}

/** mkdirat(2); false when the name is taken. */
export function makeDirectory(at: number, name: Uint8Array, mode: number): boolean {
  return unlessTaken("mkdirat", name, rawSyscall("mkdirat", at, cbytes(name), mode));
}

/** symlinkat(2); false when the name is taken. */
export function makeSymlink(target: Uint8Array, at: number, name: Uint8Array): boolean {
  return unlessTaken("symlinkat", name, rawSyscall("symlinkat", cbytes(target), at, cbytes(name)));
}

/** linkat(2), links not followed; false when the name is taken. */
export function makeLink(fromAt: number, from: Uint8Array, at: number, name: Uint8Array): boolean {
  return unlessTaken("linkat", name, rawSyscall("linkat", fromAt, cbytes(from), at, cbytes(name), 0));
}

/** mknodat(2) of a FIFO; false when the name is taken. */
export function makeFifo(at: number, name: Uint8Array, mode: number): boolean {
  return unlessTaken("mknodat", name, rawSyscall("mknodat", at, cbytes(name), S_IFIFO | mode, 0));
}

export function removeName(at: number, name: Uint8Array, kind: "file" | "directory"): void {
  syscall("unlinkat", printable(name), at, cbytes(name), kind === "directory" ? AT_REMOVEDIR : 0);
}

/** rename(2). */
export function renameBytes(fromAt: number, from: Uint8Array, toAt: number, to: Uint8Array): void {
  syscall("renameat2", printable(from), fromAt, cbytes(from), toAt, cbytes(to), 0);
}

/** fchmodat(2). Follows a link: for names that the caller knows to be none. */
export function changeMode(at: number, name: Uint8Array, mode: number): void {
  syscall("fchmodat", printable(name), at, cbytes(name), mode);
}

/** fchmod(2), not subject to the umask. */
export function changeOpenMode(fd: number, object: string, mode: number): void {
  syscall("fchmod", object, fd, mode);
}

/** utimensat(2), links not followed; of the descriptor itself when `name` is undefined. `mtime` in ns since 1970, used for both times. */
export function changeTimes(at: number, name: Uint8Array | undefined, object: string, mtime: bigint): void {
  const nanoseconds = ((mtime % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
  const seconds = (mtime - nanoseconds) / NANOSECONDS;
  const both = times.encode({
    atimeSec: seconds,
    atimeNsec: nanoseconds,
    mtimeSec: seconds,
    mtimeNsec: nanoseconds,
  });
  if (name) syscall("utimensat", object, at, cbytes(name), both, AT_SYMLINK_NOFOLLOW);
  else syscall("utimensat", object, at, 0, both, 0);
}

/** lseek(2) to the start: the next read, of a file or of a folder's entries, begins there. */
export function rewind(fd: number, object: string): void {
  syscall("lseek", object, fd, 0, 0);
}

/** syncfs(2): everything written so far to the file system of `fd` is on its device. */
export function syncFileSystem(fd: number, object: string): void {
  syscall("syncfs", object, fd);
}

function unlessTaken(call: "mkdirat" | "symlinkat" | "linkat" | "mknodat", name: Uint8Array, result: number): boolean {
  if (result === -ERRNO.EEXIST) return false;
  if (result < 0) throw new SyscallError(call, printable(name), -result);
  return true;
}

const decoder = new TextDecoder();
