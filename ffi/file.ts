// Files by descriptor and path, section 2 of the man pages. Paths are used as given: whoever has an untrusted one
// resolves it with `openat2` and RESOLVE_IN_ROOT first.
import { cstring } from "./cstring.ts";
import { ERRNO } from "./errno.ts";
import { Fd } from "./fd.ts";
import { rawSyscall, syscall } from "./libc.ts";
import { struct } from "./struct.ts";
import { SyscallError } from "./syscall_error.ts";

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_EACCESS = 0x200;
export const AT_EMPTY_PATH = 0x1000;
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
// These two differ: arch/arm64/include/uapi/asm/fcntl.h.
export const O_DIRECTORY = process.arch === "arm64" ? 0o40000 : 0o200000;
export const O_NOFOLLOW = process.arch === "arm64" ? 0o100000 : 0o400000;
export const RESOLVE_NO_XDEV = 1;
export const RESOLVE_NO_MAGICLINKS = 2;
export const RESOLVE_NO_SYMLINKS = 4;
export const RESOLVE_BENEATH = 8;
export const RESOLVE_IN_ROOT = 16;
export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;
export const S_IFCHR = 0o020000;
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;
const STATX_BASIC_STATS = 0x7ff;
const RENAME_NOREPLACE = 1;

export const openHow = struct({ flags: "u64", mode: "u64", resolve: "u64" });

/** statx(2), the fields in use. Sizes in bytes, times in nanoseconds since 1970 as a decimal string of the kernel's precision. */
export type Stat = {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly links: number;
  /** `major:minor:inode`: names the file for as long as it exists. */
  readonly identity: string;
  readonly mtime: string;
  readonly ctime: string;
};

/** Opens; throws SyscallError naming `path`. Descriptors are close-on-exec. */
export function open(path: string, flags: number, mode = 0, at = AT_FDCWD): Fd {
  return new Fd(syscall("openat", path, at, cstring(path), flags | O_CLOEXEC, mode));
}

/** openat2(2): as {@link open} with RESOLVE_* restrictions. EAGAIN (a rename race, RESOLVE_IN_ROOT) is tried again, 10 times at most. */
export function openat2(at: number, path: string, flags: number, mode: number, resolve: number): Fd {
  const how = openHow.encode({ flags: flags | O_CLOEXEC, mode, resolve });
  const name = cstring(path);
  for (let attempt = 0; ; attempt++) {
    const fd = rawSyscall("openat2", at, name, how, openHow.size);
    if (fd >= 0) return new Fd(fd);
    if (fd !== -ERRNO.EAGAIN || attempt === 10) throw new SyscallError("openat2", path, -fd);
  }
}

/** statx(2); `undefined` when there is nothing at `path` (ENOENT, ENOTDIR). */
export function stat(path: string, follow = true, at = AT_FDCWD): Stat | undefined {
  const buffer = new Uint8Array(256);
  const flags = path === "" ? AT_EMPTY_PATH : follow ? 0 : AT_SYMLINK_NOFOLLOW;
  const result = rawSyscall("statx", at, cstring(path), flags, STATX_BASIC_STATS, buffer);
  if (result === -ERRNO.ENOENT || result === -ERRNO.ENOTDIR) return undefined;
  if (result < 0) throw new SyscallError("statx", path, -result);
  const view = new DataView(buffer.buffer);
  const u32 = (at: number): number => view.getUint32(at, true);
  const time = (at: number): string => `${view.getBigInt64(at, true)}${String(u32(at + 8)).padStart(9, "0")}`;
  return {
    links: u32(16),
    uid: u32(20),
    gid: u32(24),
    mode: view.getUint16(28, true),
    size: Number(view.getBigUint64(40, true)),
    identity: `${u32(136)}:${u32(140)}:${view.getBigUint64(32, true)}`,
    ctime: time(96),
    mtime: time(112),
  };
}

const attributes = new Uint8Array(256);
const ATTRIBUTE_MODE = 28;
const STATX_TYPE_MODE = 3;

/** Type and permission bits of `path`, symbolic links followed; `undefined` when there is nothing. What a start looks at many times. */
export function modeOf(path: string, at = AT_FDCWD): number | undefined {
  const flags = path === "" ? AT_EMPTY_PATH : 0;
  const result = rawSyscall("statx", at, cstring(path), flags, STATX_TYPE_MODE, attributes);
  if (result === -ERRNO.ENOENT || result === -ERRNO.ENOTDIR) return undefined;
  if (result < 0) throw new SyscallError("statx", path, -result);
  return (attributes[ATTRIBUTE_MODE] ?? 0) | ((attributes[ATTRIBUTE_MODE + 1] ?? 0) << 8);
}

/** readlinkat(2); `undefined` when `path` is no symbolic link or does not exist. */
export function readlink(path: string, at = AT_FDCWD): string | undefined {
  const length = rawSyscall("readlinkat", at, cstring(path), target, target.length);
  if (length === -ERRNO.EINVAL || length === -ERRNO.ENOENT || length === -ERRNO.ENOTDIR) return undefined;
  if (length < 0) throw new SyscallError("readlinkat", path, -length);
  return decoder.decode(target.subarray(0, length));
}
const target = new Uint8Array(4096);

/** The whole file as text; `undefined` when it does not exist. For small files of the system's (no size limit but `limit`). */
export function readText(path: string, limit = 1 << 20): string | undefined {
  const fd = rawSyscall("openat", AT_FDCWD, cstring(path), O_RDONLY | O_CLOEXEC, 0);
  if (fd === -ERRNO.ENOENT || fd === -ERRNO.ENOTDIR) return undefined;
  if (fd < 0) throw new SyscallError("openat", path, -fd);
  using owned = new Fd(fd);
  return decoder.decode(readAll(owned.number, path, limit));
}

/** Everything up to end of file. Throws RangeError when it is more than `limit` bytes. */
export function readAll(fd: number, object: string, limit: number): Uint8Array {
  let buffer = new Uint8Array(4096);
  let length = 0;
  for (;;) {
    const got = read(fd, object, buffer.subarray(length));
    if (got === 0) return buffer.subarray(0, length);
    length += got;
    if (length > limit) throw new RangeError(`${object} is larger than ${limit} bytes`);
    if (length === buffer.length) {
      const larger = new Uint8Array(buffer.length * 4);
      larger.set(buffer);
      buffer = larger;
    }
  }
}

/** read(2), again after EINTR; 0 at end of file. */
export function read(fd: number, object: string, into: Uint8Array): number {
  for (;;) {
    const got = rawSyscall("read", fd, into, into.length);
    if (got >= 0) return got;
    if (got !== -ERRNO.EINTR) throw new SyscallError("read", object, -got);
  }
}

/** Writes all of `bytes`, again after EINTR and short writes. `object` may be a file's name as bytes. */
export function writeAll(fd: number, object: string | Uint8Array, bytes: Uint8Array): void {
  for (let rest = bytes; rest.length > 0; ) {
    const put = rawSyscall("write", fd, rest, rest.length);
    if (put < 0 && put !== -ERRNO.EINTR)
      throw new SyscallError("write", typeof object === "string" ? object : decoder.decode(object), -put);
    if (put > 0) rest = rest.subarray(put);
  }
}

/** access(2) with the effective ids: may the caller do `mode` (R 4, W 2, X 1, exists 0)? */
export function accessible(path: string, mode: number): boolean {
  return rawSyscall("faccessat2", AT_FDCWD, cstring(path), mode, AT_EACCESS) === 0;
}

export function mkdirat(at: number, path: string, mode: number): void {
  syscall("mkdirat", path, at, cstring(path), mode);
}

export function symlinkat(target: string, at: number, path: string): void {
  syscall("symlinkat", path, cstring(target), at, cstring(path));
}

export function unlinkat(at: number, path: string, flags = 0): void {
  syscall("unlinkat", path, at, cstring(path), flags);
}

/** renameat2(2) with RENAME_NOREPLACE: throws EEXIST rather than replacing. */
export function renameExclusive(fromAt: number, from: string, toAt: number, to: string): void {
  syscall("renameat2", to, fromAt, cstring(from), toAt, cstring(to), RENAME_NOREPLACE);
}

/** rename(2): replaces what is there. */
export function rename(fromAt: number, from: string, toAt: number, to: string): void {
  syscall("renameat2", to, fromAt, cstring(from), toAt, cstring(to), 0);
}

/** flock(2); false when LOCK_NB was given and someone else holds it. */
export function flock(fd: number, object: string, operation: number): boolean {
  for (;;) {
    const result = rawSyscall("flock", fd, operation);
    if (result === 0) return true;
    if (result === -ERRNO.EAGAIN) return false;
    if (result !== -ERRNO.EINTR) throw new SyscallError("flock", object, -result);
  }
}

/** Entry names of an open folder, without `.` and `..`, as the bytes that they are (names need not be UTF-8). */
export function readdir(fd: number, object: string): { readonly name: Uint8Array; readonly type: number }[] {
  const entries: { name: Uint8Array; type: number }[] = [];
  const buffer = new Uint8Array(32768);
  const view = new DataView(buffer.buffer);
  for (;;) {
    const length = syscall("getdents64", object, fd, buffer, buffer.length);
    if (length === 0) return entries;
    for (let at = 0; at < length; at += view.getUint16(at + 16, true)) {
      const name = buffer.subarray(at + 19, buffer.indexOf(0, at + 19));
      const dots = (name.length === 1 && name[0] === 46) || (name.length === 2 && name[0] === 46 && name[1] === 46);
      if (!dots) entries.push({ name: name.slice(), type: view.getUint8(at + 18) });
    }
  }
}

const decoder = new TextDecoder();
