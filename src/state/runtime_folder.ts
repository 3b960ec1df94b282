// Where this program keeps what it needs while sandboxes run, their state and the sockets of their networks: a folder of the user's alone, which
// does not survive a reboot any more than they do. Whatever lies at its path must be the user's and closed to all others, or it is not used: in
// /tmp anybody may have been there first.
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import {
  AT_FDCWD,
  mkdirat,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  open,
  S_IFDIR,
  S_IFMT,
  type Stat,
  stat,
} from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { type FaultError, requestFault } from "../base/fault.ts";

export type RuntimeFolder = { readonly path: string; readonly fd: Fd };
export type RuntimeLookups = { readonly uid: number; readonly env: Readonly<Record<string, string | undefined>> };

const WRITABLE_BY_OTHERS = 0o022;
const OPEN_TO_OTHERS = 0o077;
const PRIVATE = 0o700;

const OURS = "sandbox";

/** Wherever it may be, by whichever environment. */
export function runtimePaths(lookups: RuntimeLookups): readonly string[] {
  return [...sessionFolders(lookups).map((folder) => `${folder}/${OURS}`), withoutSession(lookups)];
}

/** Where it is, or would be made. Throws FaultError where something is there that is not to be used. */
export function runtimePath(lookups: RuntimeLookups): string {
  const session = openSessionFolder(lookups);
  session?.fd.close();
  const path = session ? `${session.path}/${OURS}` : withoutSession(lookups);
  const found = stat(path, false);
  const problem = found && problemOf(found, lookups.uid);
  if (problem !== undefined) throw folderFault(path, problem);
  return path;
}

/** Opens it, or the folder in it that `names` lead to; made where it is missing. Throws FaultError. */
export function openRuntimeFolder(lookups: RuntimeLookups, ...names: readonly string[]): RuntimeFolder {
  let folder = openOurs(lookups);
  for (const name of names) {
    using parent = folder.fd;
    folder = privateFolder(parent.number, folder.path, name, lookups.uid);
  }
  return folder;
}

function openOurs(lookups: RuntimeLookups): RuntimeFolder {
  const session = openSessionFolder(lookups);
  if (session === undefined) return privateFolder(AT_FDCWD, "", withoutSession(lookups), lookups.uid);
  using base = session.fd;
  return privateFolder(base.number, session.path, OURS, lookups.uid);
}

/** XDG_RUNTIME_DIR, basedir-spec; systemd's place for it. */
function sessionFolders({ uid, env }: RuntimeLookups): readonly string[] {
  return [env.XDG_RUNTIME_DIR, `/run/user/${uid}`].flatMap((path) => (path?.startsWith("/") ? path : []));
}

function withoutSession({ uid }: RuntimeLookups): string {
  return `/tmp/sandbox-${uid}`;
}

function openSessionFolder(lookups: RuntimeLookups): RuntimeFolder | undefined {
  for (const path of sessionFolders(lookups)) {
    const fd = openUsers(path, lookups.uid);
    if (fd) return { path, fd };
  }
  return undefined;
}

/** `undefined` where it is not one that only the user writes to: another user's, left in the environment by su(1), is none. */
function openUsers(path: string, uid: number): Fd | undefined {
  let fd: Fd;
  try {
    fd = open(path, O_RDONLY | O_DIRECTORY);
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
  const found = stat("", true, fd.number);
  if (found?.uid === uid && (found.mode & WRITABLE_BY_OTHERS) === 0) return fd;
  fd.close();
  return undefined;
}

function privateFolder(at: number, base: string, name: string, uid: number): RuntimeFolder {
  const path = base === "" ? name : `${base}/${name}`;
  try {
    const fd = openOrMake(at, name);
    const problem = problemOf(stat("", true, fd.number), uid);
    if (problem === undefined) return { path, fd };
    fd.close();
    throw folderFault(path, problem);
  } catch (error) {
    if (error instanceof SyscallError) throw folderFault(path, causeOf(error.errno));
    throw error;
  }
}

function openOrMake(at: number, name: string): Fd {
  try {
    mkdirat(at, name, PRIVATE);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== ERRNO.EEXIST) throw error;
  }
  return open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, at);
}

function problemOf(found: Stat | undefined, uid: number): string | undefined {
  if (found === undefined || (found.mode & S_IFMT) !== S_IFDIR) return "it is no folder";
  if (found.uid !== uid) return `it belongs to user ${found.uid}`;
  return (found.mode & OPEN_TO_OTHERS) === 0
    ? undefined
    : `others may look into it (mode ${(found.mode & 0o7777).toString(8)})`;
}

function causeOf(errno: number): string {
  switch (errno) {
    case ERRNO.ELOOP:
    case ERRNO.ENOTDIR:
      return "something else is in its place";
    case ERRNO.EACCES:
    case ERRNO.EPERM:
      return "you may not make it there";
    case ERRNO.EROFS:
      return "the file system is read-only";
    case ERRNO.ENOSPC:
      return "the file system is full";
    default:
      return `the kernel refused with ${errnoName(errno)}`;
  }
}

function folderFault(path: string, cause: string): FaultError {
  return requestFault(
    `Cannot keep the state of sandboxes in ${path}`,
    cause,
    "name a folder of yours, closed to others: mkdir -m 700 ~/.run && export XDG_RUNTIME_DIR=~/.run",
  );
}
