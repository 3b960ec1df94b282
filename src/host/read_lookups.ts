// HostLookups on the real machine.
import {
  AT_FDCWD,
  modeOf,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  open,
  openat2,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  readAll,
  readText,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from "../../ffi/file.ts";
import { rawSyscall, syscall } from "../../ffi/libc.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import type { FileKind, HostLookups } from "../spec/host_lookups.ts";
import { inLayers } from "./read_layers.ts";

const TCGETS = 0x5401;
const RLIMIT_NOFILE = 7;
const SMALL_FILE = 4 << 20;

export function hostLookups(env: Readonly<Record<string, string | undefined>>): HostLookups {
  return {
    cwd: currentFolder(),
    uid: rawSyscall("geteuid"),
    gid: rawSyscall("getegid"),
    env,
    kind: (path) => fileKind(AT_FDCWD, path),
    text: (path) => ignoreUnreadable(() => readText(path, SMALL_FILE)),
    textInRoot,
    kindInRoot: (layers, path) => inRoot(layers, path, O_PATH, (fd) => fileKind(fd, "")),
    callerNofile: callerNofile,
    isTerminal: (fd) => rawSyscall("ioctl", fd, TCGETS, new Uint8Array(64)) === 0,
  };
}

/** HostLookups.textInRoot on the real machine. */
export function textInRoot(layers: readonly string[], path: string): string | undefined {
  return inRoot(layers, path, O_RDONLY | O_NONBLOCK, (fd) =>
    isRegular(fd) ? decode(readAll(fd, path, SMALL_FILE)) : undefined,
  );
}

function currentFolder(): string {
  const buffer = new Uint8Array(4096);
  const length = syscall("getcwd", "the current directory", buffer, buffer.length);
  return decode(buffer.subarray(0, length - 1));
}

function fileKind(at: number, path: string): FileKind | undefined {
  return ignoreUnreadable(() => {
    const mode = modeOf(path, at);
    return mode === undefined ? undefined : (mode & S_IFMT) === S_IFDIR ? "directory" : "file";
  });
}

function isRegular(fd: number): boolean {
  return ((modeOf("", fd) ?? 0) & S_IFMT) === S_IFREG;
}

function inRoot<T>(layers: readonly string[], path: string, flags: number, use: (fd: number) => T): T | undefined {
  const [root = "/", ...lower] = layers;
  return ignoreUnreadable(() => {
    if (lower.length > 0) return inLayers(layers, path, (fd) => reopened(fd, flags, use));
    using folder = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    using file = openat2(folder.number, path, flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    return use(file.number);
  });
}

/** An O_PATH descriptor as one that can be read. */
function reopened<T>(fd: number, flags: number, use: (fd: number) => T): T {
  if (flags === O_PATH) return use(fd);
  using file = open(`/proc/self/fd/${fd}`, flags);
  return use(file.number);
}

// What may not be looked at counts as absent: whoever needs it says so by name.
function ignoreUnreadable<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
}

// Bun raises our own soft limit to the hard one at start; the process that started us still has what the user set.
function callerNofile() {
  const limits = new BigUint64Array(2);
  if (rawSyscall("prlimit64", rawSyscall("getppid"), RLIMIT_NOFILE, 0, limits) !== 0)
    rawSyscall("prlimit64", 0, RLIMIT_NOFILE, 0, limits);
  const [soft = 0n, hard = 0n] = limits;
  const own = new BigUint64Array(2);
  rawSyscall("prlimit64", 0, RLIMIT_NOFILE, 0, own);
  const ceiling = own[1] ?? hard;
  const least = (a: bigint, b: bigint): number => Number(a < b ? a : b);
  return { soft: least(soft, ceiling), hard: least(hard, ceiling) };
}

const decoder = new TextDecoder();
function decode(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
