// A tree enters the store whole or not at all: it is made in tmp/ under a lock of its own, described, flushed, and moved into
// place by one rename. A process that is killed leaves its work in tmp/ and no lock, and whoever makes something next removes it.
import { ERRNO } from "../../ffi/errno.ts";
import {
  AT_FDCWD,
  mkdirat,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_RDONLY,
  O_WRONLY,
  open,
  renameExclusive,
  type Stat,
  symlinkat,
} from "../../ffi/file.ts";
import { syncFileSystem } from "../../ffi/path_at.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { removeGarbage, removeOwn } from "./garbage.ts";
import type { InUse } from "./in_use.ts";
import type { RunJob } from "./job.ts";
import { type Digest, findLayer, findRootfs, indexPath, type LayerKey } from "./layout.ts";
import { type Lock, takeLock } from "./lock.ts";
import { openStore } from "./open_store.ts";

const PRIVATE = 0o700;

export type Workplace = {
  /** The folder to become the root; empty, open for reading. */
  readonly root: number;
  /** Takes the description of the tree; open for writing. */
  readonly tree: number;
  /** A folder for other files, gone when the work is done. */
  readonly scratch: number;
  /** What says that somebody works here. */
  readonly lock: number;
};

export type AddOptions = {
  readonly store: string;
  /** Does jobs where the files are (see job.ts). */
  readonly run: RunJob;
  /** Called once when another process makes the same. */
  readonly waiting: () => void;
};

/**
 * `digest`'s tree, in use, made by `make` if it is not there. Of several callers, in one process or in many, one
 * makes it and the others wait, after a call of `waiting`. When `make` throws, nothing is left.
 */
export async function addRootfs(
  digest: Digest,
  options: AddOptions,
  make: (place: Workplace) => Promise<void>,
): Promise<InUse> {
  return await addTree("rootfs", digest, () => findRootfs(options.store, digest), options, make);
}

/** As {@link addRootfs}, for a layer. */
export async function addLayer(
  key: LayerKey,
  options: AddOptions,
  make: (place: Workplace) => Promise<void>,
): Promise<InUse> {
  return await addTree("layers", key, () => findLayer(options.store, key), options, make);
}

async function addTree(
  folder: "rootfs" | "layers",
  name: string,
  find: () => InUse | undefined,
  { store, run, waiting }: AddOptions,
  make: (place: Workplace) => Promise<void>,
): Promise<InUse> {
  openStore(store);
  using lock = await takeLock(store, name, waiting);
  const there = find();
  if (there !== undefined) return there;
  using tmp = open(`${store}/tmp`, O_RDONLY | O_DIRECTORY);
  await removeGarbage(store, tmp.number, lock, run);
  try {
    await makeTree(tmp.number, lock, make);
    renameExclusive(tmp.number, `${name}/tree`, AT_FDCWD, `${store}/${folder}/${name}`);
  } finally {
    await removeOwn(tmp.number, lock, run);
  }
  const made = find();
  if (made === undefined) throw new SyscallError("openat", `${folder}/${name}`, ERRNO.ENOENT);
  return made;
}

/** Remembers that the tarball with that identity has that digest. One that is remembered already is fine. */
export function addIndex(store: string, tarball: Stat, digest: Digest): void {
  openStore(store);
  try {
    symlinkat(digest, AT_FDCWD, indexPath(store, tarball));
  } catch (error) {
    if (!(error instanceof SyscallError && error.errno === ERRNO.EEXIST)) throw error;
  }
}

/** tmp/NAME/tree/root is filled; `tree` is what moves, since a root without write permission could not be moved itself. */
async function makeTree(tmp: number, lock: Lock, make: (place: Workplace) => Promise<void>): Promise<void> {
  const { name } = lock;
  for (const folder of [name, `${name}/tree`, `${name}/tree/root`]) mkdirat(tmp, folder, PRIVATE);
  using root = open(`${name}/tree/root`, O_RDONLY | O_DIRECTORY, 0, tmp);
  using tree = open(`${name}/tree/tree`, O_WRONLY | O_CREAT | O_EXCL, 0o600, tmp);
  using scratch = open(name, O_RDONLY | O_DIRECTORY, 0, tmp);
  await make({ root: root.number, tree: tree.number, scratch: scratch.number, lock: lock.number });
  // Else a power cut could leave the name in place and the files behind it empty, and nobody would look again.
  syncFileSystem(root.number, "the store");
}
