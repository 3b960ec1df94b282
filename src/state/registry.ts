// The sandboxes that run, a folder each, called by its id:
//
//   lock        flock(2) is held by the supervisor, whatever program it has become, for as long as it lives
//   state.json  sandbox_state.ts
//   control     a socket at which the supervisor takes requests (control_message.ts), where it has a network to change
//
// Whoever gets the lock of a folder has proof that its owner has gone, be it by kill -9, and removes it. That, and making or removing one
// of one's own, is done under a lock on the whole, held for a moment only: so nobody sees a folder that is half made or half gone.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import {
  AT_REMOVEDIR,
  flock,
  LOCK_EX,
  LOCK_NB,
  mkdirat,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  open,
  readAll,
  readdir,
  rename,
  unlinkat,
  writeAll,
} from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import type { RuntimeFolder } from "./runtime_folder.ts";
import { isSandboxId } from "./sandbox_name.ts";
import { formatState, LARGEST_STATE, parseState, type SandboxState } from "./sandbox_state.ts";

export const LOCK = "lock";
export const STATE = "state.json";
export const CONTROL = "control";
const STATE_IN_WRITING = "state.json.new";

/** A sandbox whose supervisor lives. `state` is missing where another version of this program wrote it, in words of its own. */
export type Registered = { readonly id: string; readonly state: SandboxState | undefined };

/** All that run, in the order of their start; what others have left behind is removed. */
export function registered(root: RuntimeFolder): readonly Registered[] {
  return underLock(root, () => living(root)).sort((a, b) => (createdOf(a) < createdOf(b) ? -1 : 1));
}

function createdOf({ id, state }: Registered): string {
  return `${state?.created ?? ""} ${id}`;
}

/** `work` with nobody else making or removing folders. */
export function underLock<T>({ fd, path }: RuntimeFolder, work: () => T): T {
  // Of another open file than any that is handed on: the lock goes with it.
  using own = open(".", O_RDONLY | O_DIRECTORY, 0, fd.number);
  flock(own.number, path, LOCK_EX);
  return work();
}

/** To be called under the lock. */
export function living(root: RuntimeFolder): Registered[] {
  return idsIn(root).flatMap((id) => {
    using folder = openFolder(root, id);
    if (folder === undefined) return [];
    if (isHeld(folder)) return [{ id, state: readState(folder, id) }];
    removeEntry(root, folder, id);
    return [];
  });
}

/** Makes the folder of a new one and takes its lock; to be called under the other. `undefined` where the id is taken. */
export function makeEntry(
  { fd, path }: RuntimeFolder,
  id: string,
): { readonly folder: Fd; readonly lock: Fd } | undefined {
  try {
    mkdirat(fd.number, id, 0o700);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ERRNO.EEXIST) return undefined;
    throw error;
  }
  const folder = open(id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, fd.number);
  const lock = open(LOCK, O_RDWR | O_CREAT | O_EXCL, 0o600, folder.number);
  if (!flock(lock.number, `${path}/${id}`, LOCK_EX | LOCK_NB)) throw new Error("the lock of a new file is taken");
  return { folder, lock };
}

/** Whoever reads it meanwhile sees the old one or the new one. */
export function writeState(folder: Fd, state: SandboxState): void {
  {
    using file = open(STATE_IN_WRITING, O_WRONLY | O_CREAT | O_TRUNC, 0o600, folder.number);
    writeAll(file.number, STATE, new TextEncoder().encode(formatState(state)));
  }
  rename(folder.number, STATE_IN_WRITING, folder.number, STATE);
}

/** To be called under the lock. What is missing was never made. */
export function removeEntry(root: RuntimeFolder, folder: Fd, id: string): void {
  for (const name of [STATE_IN_WRITING, STATE, CONTROL, LOCK]) removeName(folder.number, name);
  removeName(root.fd.number, id, AT_REMOVEDIR);
}

export function openFolder(root: RuntimeFolder, id: string): Fd | undefined {
  return ifThere(() => open(id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, root.fd.number));
}

function idsIn({ fd, path }: RuntimeFolder): readonly string[] {
  // Of its own, from the beginning: an open folder has one place to read on from.
  using own = open(".", O_RDONLY | O_DIRECTORY, 0, fd.number);
  const names = readdir(own.number, path).map(({ name }) => new TextDecoder().decode(name));
  return names.filter(isSandboxId);
}

function isHeld(folder: Fd): boolean {
  using lock = ifThere(() => open(LOCK, O_RDWR | O_NOFOLLOW, 0, folder.number));
  return lock !== undefined && !flock(lock.number, LOCK, LOCK_EX | LOCK_NB);
}

function readState(folder: Fd, id: string): SandboxState | undefined {
  using file = ifThere(() => open(STATE, O_RDONLY | O_NOFOLLOW, 0, folder.number));
  if (file === undefined) return undefined;
  const state = parseState(textOf(file));
  return state?.id === id ? state : undefined;
}

function textOf(file: Fd): string {
  try {
    return new TextDecoder().decode(readAll(file.number, STATE, LARGEST_STATE));
  } catch (error) {
    if (error instanceof RangeError) return "";
    throw error;
  }
}

function removeName(at: number, name: string, flags = 0): void {
  ifThere(() => unlinkat(at, name, flags));
}

function ifThere<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ERRNO.ENOENT) return undefined;
    throw error;
  }
}
