// A tree enters the store whole or not at all: it is made in tmp/ under a lock of its own, flushed, and moved into place by
// one rename. A process that is killed leaves its work in tmp/ and no lock, and whoever makes something next removes it.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import {
  AT_FDCWD,
  flock,
  LOCK_EX,
  LOCK_NB,
  mkdirat,
  O_CREAT,
  O_DIRECTORY,
  O_RDONLY,
  O_RDWR,
  open,
  readdir,
  renameExclusive,
  type Stat,
  stat,
  symlinkat,
} from "../../ffi/file.ts";
import { printable, syncFileSystem } from "../../ffi/path_at.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { type Digest, findRootfs, indexPath, rootfsPath } from "./layout.ts";
import { removeTree } from "./remove_tree.ts";

const PRIVATE = 0o700;
const FOLDERS = ["", "/rootfs", "/index", "/tmp", "/lock"] as const;
/** How often a lock that another process holds is tried again, in milliseconds. */
const RETRY_EVERY = 20;

export type Workplace = {
  /** The folder to become the root; empty, open for reading. */
  readonly root: number;
  /** A folder for other files, gone when the work is done. */
  readonly scratch: number;
};

/**
 * The path of `digest`'s tree, made by `make` if it is not there. Of several callers, in one process or in many, one
 * makes it and the others wait, after a call of `waiting`. When `make` throws, nothing is left.
 */
export async function addRootfs(
  store: string,
  digest: Digest,
  make: (place: Workplace) => Promise<void>,
  waiting: () => void,
): Promise<string> {
  makeFolders(store);
  using _lock = await lockDigest(store, digest, waiting);
  const there = findRootfs(store, digest);
  if (there !== undefined) return there;
  using tmp = open(`${store}/tmp`, O_RDONLY | O_DIRECTORY);
  removeGarbage(store, tmp.number, digest);
  try {
    await makeTree(tmp.number, digest, make);
    renameExclusive(tmp.number, `${digest}/tree`, AT_FDCWD, `${store}/rootfs/${digest}`);
  } finally {
    tryRemoving(tmp.number, bytes(digest));
  }
  return rootfsPath(store, digest);
}

/** Remembers that the tarball with that identity has that digest. One that is remembered already is fine. */
export function addIndex(store: string, tarball: Stat, digest: Digest): void {
  makeFolders(store);
  try {
    symlinkat(digest, AT_FDCWD, indexPath(store, tarball));
  } catch (error) {
    if (!(error instanceof SyscallError && error.errno === ERRNO.EEXIST)) throw error;
  }
}

/** tmp/DIGEST/tree/root is filled; `tree` is what moves, since a root without write permission could not be moved itself. */
async function makeTree(tmp: number, digest: Digest, make: (place: Workplace) => Promise<void>): Promise<void> {
  for (const folder of [digest, `${digest}/tree`, `${digest}/tree/root`]) mkdirat(tmp, folder, PRIVATE);
  using root = open(`${digest}/tree/root`, O_RDONLY | O_DIRECTORY, 0, tmp);
  using scratch = open(digest, O_RDONLY | O_DIRECTORY, 0, tmp);
  await make({ root: root.number, scratch: scratch.number });
  // Else a power cut could leave the name in place and the files behind it empty, and nobody would look again.
  syncFileSystem(root.number, "the store");
}

async function lockDigest(store: string, digest: Digest, waiting: () => void): Promise<Fd> {
  const lock = openLock(store, digest);
  // Not a blocking flock: the holder may be another task of this very process.
  for (let told = false; !flock(lock.number, `lock/${digest}`, LOCK_EX | LOCK_NB); told = true) {
    if (!told) waiting();
    await Bun.sleep(RETRY_EVERY);
  }
  return lock;
}

/** The caller's own left-overs, for it holds the lock, and those of every other digest that nobody holds. */
function removeGarbage(store: string, tmp: number, own: Digest): void {
  removeTree(tmp, bytes(own));
  for (const { name } of readdir(tmp, "the store's tmp")) {
    using lock = openLock(store, printable(name));
    if (flock(lock.number, printable(name), LOCK_EX | LOCK_NB)) tryRemoving(tmp, name);
  }
}

/** Where it fails, the error under way counts more, and the next one to make something tries again. */
function tryRemoving(tmp: number, name: Uint8Array): void {
  try {
    removeTree(tmp, name);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
}

function openLock(store: string, name: string): Fd {
  return open(`${store}/lock/${name}`, O_RDWR | O_CREAT, 0o600);
}

function makeFolders(store: string): void {
  if (stat(`${store}/lock`)) return;
  makeParents(store);
  for (const folder of FOLDERS) makeFolder(`${store}${folder}`, PRIVATE);
}

function makeParents(path: string): void {
  const parent = path.slice(0, path.lastIndexOf("/"));
  if (parent === "" || stat(parent)) return;
  makeParents(parent);
  makeFolder(parent, PRIVATE);
}

function makeFolder(path: string, mode: number): void {
  try {
    mkdirat(AT_FDCWD, path, mode);
  } catch (error) {
    if (!(error instanceof SyscallError && error.errno === ERRNO.EEXIST)) throw error;
  }
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
