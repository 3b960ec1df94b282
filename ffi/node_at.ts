// What a walk through a tree reads and copies of each node, by names that are bytes. Links are never followed.
import { cstring } from "./cstring.ts";
import { ERRNO } from "./errno.ts";
import { Fd } from "./fd.ts";
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_CLOEXEC } from "./file.ts";
import { rawSyscall, syscall } from "./libc.ts";
import { cbytes, printable } from "./path_at.ts";
import { SyscallError } from "./syscall_error.ts";

const STATX_BASIC_STATS = 0x7ff;
/** st_blocks counts these, whatever the file system's own block is (stat(3type)). */
const BLOCK = 512;
/** _IOW(0x94, 9, int) of linux/fs.h. */
const FICLONE = 0x40049409;
/** XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h. */
const LARGEST_ATTRIBUTE = 65536;
const PATH_MAX = 4096;

// The kernel fills these and what is wanted is copied out before anything else runs: a walk through a tree asks a hundred thousand times.
const scratch = new Uint8Array(LARGEST_ATTRIBUTE);
const statx = new Uint8Array(256);
const view = new DataView(statx.buffer);

/** Names the open folder or file itself. */
export const EMPTY_NAME: Uint8Array = new Uint8Array();

/** statx(2) of one node. Times in nanoseconds since 1970. */
export type Node = {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Bytes that it takes on the disk. */
  readonly disk: number;
  readonly links: number;
  readonly mtime: bigint;
  readonly device: { readonly major: number; readonly minor: number };
  /** `major:minor:inode`: two names with the same one are one file. */
  readonly identity: string;
};

/** The node `name` in the open folder `at`; `at` itself when `name` is empty; `undefined` when there is none. */
export function inspect(at: number, name: Uint8Array): Node | undefined {
  const flags = name.length === 0 ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  const result = rawSyscall("statx", at, cbytes(name), flags, STATX_BASIC_STATS, statx);
  if (result === -ERRNO.ENOENT) return undefined;
  if (result < 0) throw new SyscallError("statx", printable(name), -result);
  const u32 = (offset: number): number => view.getUint32(offset, true);
  return {
    links: u32(16),
    uid: u32(20),
    gid: u32(24),
    mode: view.getUint16(28, true),
    size: Number(view.getBigUint64(40, true)),
    disk: Number(view.getBigUint64(48, true)) * BLOCK,
    mtime: view.getBigInt64(112, true) * 1_000_000_000n + BigInt(u32(120)),
    device: { major: u32(128), minor: u32(132) },
    identity: `${u32(136)}:${u32(140)}:${view.getBigUint64(32, true)}`,
  };
}

/** readlinkat(2). */
export function readLinkBytes(at: number, name: Uint8Array): Uint8Array {
  const length = syscall("readlinkat", printable(name), at, cbytes(name), scratch, PATH_MAX);
  return scratch.slice(0, length);
}

/** flistxattr(2), sorted; none where the file system has none. */
export function listAttributes(fd: number, object: string): readonly string[] {
  const length = rawSyscall("flistxattr", fd, scratch, scratch.length);
  if (length === -ERRNO.EOPNOTSUPP) return [];
  if (length < 0) throw new SyscallError("flistxattr", object, -length);
  if (length === 0) return [];
  return new TextDecoder("latin1")
    .decode(scratch.subarray(0, length - 1))
    .split("\0")
    .sort();
}

/** fgetxattr(2); `undefined` for ENODATA and where the file system has none. */
export function getAttribute(fd: number, object: string, name: string): Uint8Array | undefined {
  const length = rawSyscall("fgetxattr", fd, attributeName(name), scratch, scratch.length);
  if (length === -ERRNO.ENODATA || length === -ERRNO.EOPNOTSUPP) return undefined;
  if (length < 0) throw new SyscallError("fgetxattr", object, -length);
  return scratch.slice(0, length);
}

/** fsetxattr(2). */
export function setAttribute(fd: number, object: string, name: string, value: Uint8Array): void {
  syscall("fsetxattr", object, fd, attributeName(name), value, value.length, 0);
}

/** fchownat(2), links not followed. */
export function changeOwner(at: number, name: Uint8Array, uid: number, gid: number): void {
  const flags = name.length === 0 ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  syscall("fchownat", printable(name), at, cbytes(name), uid, gid, flags);
}

/** mknodat(2) of a character device. 0:0 is overlayfs' whiteout, the one that takes no privilege. */
export function makeCharacterDevice(at: number, name: Uint8Array, { major, minor }: Node["device"]): void {
  const number = (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
  syscall("mknodat", printable(name), at, cbytes(name), 0o020000, number);
}

/** FICLONE of ioctl_ficlone(2): `to` shares the blocks of `from`. False where the file system cannot. */
export function cloneFile(to: number, from: number): boolean {
  return rawSyscall("ioctl", to, FICLONE, from) === 0;
}

/** copy_file_range(2) from and to the files' own positions; the bytes copied, 0 at the end. */
export function copyRange(from: number, to: number, object: string, length: number): number {
  return syscall("copy_file_range", object, from, 0, to, 0, length, 0);
}

/** ftruncate(2). */
export function setLength(fd: number, object: string, length: number): void {
  syscall("ftruncate", object, fd, length);
}

/** fsync(2). */
export function syncFile(fd: number, object: string): void {
  syscall("fsync", object, fd);
}

/** lseek(2) to the end; the file's length. */
export function seekEnd(fd: number, object: string): number {
  return syscall("lseek", object, fd, 0, 2);
}

function attributeName(name: string): Uint8Array<ArrayBuffer> {
  return cbytes(Uint8Array.from(name, (character) => character.charCodeAt(0)));
}

/** renameat2(2) with RENAME_EXCHANGE: two names change places in one step. */
export function exchange(fromAt: number, from: string, toAt: number, to: string): void {
  const name = (text: string): Uint8Array => cbytes(new TextEncoder().encode(text));
  syscall("renameat2", to, fromAt, name(from), toAt, name(to), 2);
}

/** chmod(2) of what a descriptor leads to, be it O_PATH: by its magic link, on whose way no name can be swapped (proc_pid_fd(5)). */
export function changeModeOf(fd: number, object: string, mode: number): void {
  syscall("fchmodat", object, AT_FDCWD, cstring(`/proc/self/fd/${fd}`), mode);
}

/** The same file opened anew, by a descriptor that may be O_PATH. */
export function reopen(fd: number, object: string, flags: number): Fd {
  return new Fd(syscall("openat", object, AT_FDCWD, cstring(`/proc/self/fd/${fd}`), flags | O_CLOEXEC, 0));
}
