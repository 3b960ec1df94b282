// What processes that were killed have left in tmp/ and lock/. Whoever makes something removes it first.
import { ERRNO } from "../../ffi/errno.ts";
import { AT_FDCWD, O_DIRECTORY, O_RDONLY, open, readdir, renameExclusive } from "../../ffi/file.ts";
import { printable } from "../../ffi/path_at.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { seizeFolder } from "./in_use.ts";
import type { RunJob } from "./job.ts";
import { type Lock, tryLock } from "./lock.ts";

/** The beginnings of downloads, which the next one goes on with. */
const PARTIAL = /^blob-sha(256|512)-[0-9a-f]{64,128}$/;
const REMOVED = "removed-";

export function isPartial(name: string): boolean {
  return PARTIAL.test(name);
}

/** `own`, whose lock the caller holds, and what nobody holds; the names of what is gone. */
export async function removeGarbage(store: string, tmp: number, own: Lock, run: RunJob): Promise<readonly string[]> {
  const gone: string[] = [];
  for (const { name: bytes } of readdir(tmp, "the store's tmp")) {
    const name = printable(bytes);
    if (name === own.name) await run({ kind: "remove", folder: tmp, name }, [own.number]);
    else if (!isPartial(name) && (await removeUnheld(store, tmp, name, run))) gone.push(name);
  }
  removeStaleLocks(store, own.name);
  return gone;
}

/** What nobody holds, for whoever may find that there is nothing left to make. */
export async function removeLeftovers(store: string, run: RunJob): Promise<void> {
  using tmp = open(`${store}/tmp`, O_RDONLY | O_DIRECTORY);
  for (const { name: bytes } of readdir(tmp.number, "the store's tmp")) {
    const name = printable(bytes);
    if (!isPartial(name)) await removeUnheld(store, tmp.number, name, run);
  }
  removeStaleLocks(store, "");
}

/** After the caller's own work, done or failed. Where it fails, the error under way counts more, and the next one to make something tries again. */
export async function removeOwn(tmp: number, own: Lock, run: RunJob): Promise<void> {
  await tried(() => run({ kind: "remove", folder: tmp, name: own.name }, [own.number]));
}

/**
 * Takes `folder/name` out of the store, if nobody uses it: out of its place by one rename, and then off the disk. False
 * when it is in use. The same name can be made anew at once.
 */
export async function removeObject(
  store: string,
  folder: "rootfs" | "layers" | "persist",
  name: string,
  run: RunJob,
): Promise<boolean> {
  const moved = moveOut(store, folder, name);
  if (moved === undefined) return false;
  await removeMoved(store, moved, run);
  return true;
}

/** The second half of {@link removeObject}. One that another process is removing is left to it. */
export async function removeMoved(store: string, moved: string, run: RunJob): Promise<void> {
  using lock = tryLock(store, moved);
  if (lock === undefined) return;
  using tmp = open(`${store}/tmp`, O_RDONLY | O_DIRECTORY);
  await run({ kind: "remove", folder: tmp.number, name: moved }, [lock.number]);
}

/** The first half of {@link removeObject}: its name in tmp/, garbage from now on. */
export function moveOut(store: string, folder: "rootfs" | "layers" | "persist", name: string): string | undefined {
  using seized = seizeFolder(`${store}/${folder}/${name}`);
  if (seized === undefined) return undefined;
  for (let count = 0; ; count++) {
    const moved = `${REMOVED}${count}-${name}`;
    if (renamed(`${store}/${folder}/${name}`, `${store}/tmp/${moved}`)) return moved;
  }
}

function renamed(from: string, to: string): boolean {
  try {
    renameExclusive(AT_FDCWD, from, AT_FDCWD, to);
    return true;
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ERRNO.EEXIST) return false;
    throw error;
  }
}

async function removeUnheld(store: string, tmp: number, name: string, run: RunJob): Promise<boolean> {
  using lock = tryLock(store, name);
  return lock !== undefined && (await tried(() => run({ kind: "remove", folder: tmp, name }, [lock.number])));
}

/** Files of locks whose holder was killed; taking one and letting it go removes it. */
function removeStaleLocks(store: string, own: string): void {
  using folder = open(`${store}/lock`, O_RDONLY | O_DIRECTORY);
  for (const { name } of readdir(folder.number, "the store's lock"))
    if (printable(name) !== own) tryLock(store, printable(name))?.[Symbol.dispose]();
}

async function tried(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    return false;
  }
}
