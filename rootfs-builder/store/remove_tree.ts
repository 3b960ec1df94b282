// rm -rf for trees that others have shaped: folders without write permission, names that are no text, any depth. Folders
// inside are moved up beside the top one before they are emptied, so neither the stack nor the descriptors grow with depth.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import {
  O_DIRECTORY,
  O_PATH,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  readdir,
  S_IFDIR,
  S_IFMT,
} from "../../ffi/file.ts";
import { changeModeOf, EMPTY_NAME, reopen } from "../../ffi/node_at.ts";
import { identify, openBeneath, printable, removeName, renameBytes, rewind } from "../../ffi/path_at.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";

const WORKING_MODE = 0o700;

/** Removes `name` in the open folder `at`, whatever it is. Nothing there is fine. No other process may work in it. */
export function removeTree(at: number, name: Uint8Array): void {
  const found = identify(at, name);
  if (!found) return;
  if ((found.mode & S_IFMT) !== S_IFDIR) return removeName(at, name, "file");
  using top = openWritable(at, name);
  let moved = 0;
  // What is moved up is found by the next look at the top folder; the last look finds nothing.
  for (let entries = look(top); entries.length > 0; entries = look(top))
    for (const entry of entries) moved = removeChild(top.number, entry.name, moved);
  removeName(at, name, "directory");
}

function look(folder: Fd): ReturnType<typeof readdir> {
  rewind(folder.number, "the store");
  return readdir(folder.number, "the store");
}

function removeChild(top: number, name: Uint8Array, moved: number): number {
  const found = identify(top, name);
  if (!found) return moved;
  if ((found.mode & S_IFMT) !== S_IFDIR) {
    removeName(top, name, "file");
    return moved;
  }
  return emptyFolder(top, name, moved);
}

/** Files go, folders move up under a name that no entry of an archive's top can have taken since the look before. */
function emptyFolder(top: number, name: Uint8Array, moved: number): number {
  using folder = openWritable(top, name);
  let count = moved;
  for (const entry of readdir(folder.number, "the store")) {
    const found = identify(folder.number, entry.name);
    if (!found) continue;
    if ((found.mode & S_IFMT) !== S_IFDIR) removeName(folder.number, entry.name, "file");
    else count = moveUp(folder.number, entry.name, top, count);
  }
  removeName(top, name, "directory");
  return count;
}

function moveUp(from: number, name: Uint8Array, top: number, moved: number): number {
  // Moving a folder writes its "..": rename(2), EACCES.
  hold(from, name).close();
  let count = moved;
  while (identify(top, movedName(count))) count++;
  renameBytes(from, name, top, movedName(count));
  return count + 1;
}

function movedName(count: number): Uint8Array {
  return new TextEncoder().encode(`.moved-${count}`);
}

function openWritable(at: number, name: Uint8Array): Fd {
  using held = hold(at, name);
  return reopen(held.number, printable(name), O_RDONLY | O_DIRECTORY);
}

/**
 * The folder `name`, writable, by a descriptor: its mode is changed by that and not by its name, in whose place a process that has outlived
 * its sandbox by a moment could put a link.
 */
function hold(at: number, name: Uint8Array): Fd {
  const held = openBeneath(at, name, O_PATH | O_DIRECTORY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  if (!held) throw new SyscallError("openat2", printable(name), ERRNO.ENOENT);
  const mode = identify(held.number, EMPTY_NAME)?.mode ?? 0;
  if ((mode & WORKING_MODE) !== WORKING_MODE) changeModeOf(held.number, printable(name), WORKING_MODE);
  return held;
}
