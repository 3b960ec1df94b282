// The verbs on persistent environments. Each has the environment to itself; what changes one makes the new state beside it, and
// the two change places in one step.
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  O_DIRECTORY,
  O_RDONLY,
  open,
  readText,
  renameExclusive,
  stat,
  unlinkat,
} from "../../ffi/file.ts";
import { exchange } from "../../ffi/node_at.ts";
import { changeOpenMode, syncFileSystem } from "../../ffi/path_at.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { RootfsError } from "../rootfs_error.ts";
import { removeMoved, removeObject } from "./garbage.ts";
import { filesOf } from "./images.ts";
import { isInUse } from "./in_use.ts";
import type { Change, RunJob } from "./job.ts";
import { takeLock } from "./lock.ts";
import {
  type EnvironmentBase,
  environmentPath,
  isEnvironmentName,
  lockEnvironment,
  makeEnvironment,
  parseBase,
  readBase,
  writeBase,
} from "./open_environment.ts";
import { makeFolder, openStore } from "./open_store.ts";

export type Environment = {
  readonly name: string;
  /** `undefined` where it is not noted: an environment from before, or one that is damaged. */
  readonly base: EnvironmentBase | undefined;
  /** Bytes on the disk. */
  readonly disk: number;
  readonly inUse: boolean;
  /** Milliseconds since 1970: when its overlay was last mounted. */
  readonly lastUsed: number;
  readonly snapshots: readonly Snapshot[];
};

export type Snapshot = {
  readonly tag: string;
  readonly base: EnvironmentBase | undefined;
  readonly disk: number;
  /** Milliseconds since 1970. */
  readonly made: number;
};

const DOOMED = 0o1700;

export async function listEnvironments(store: string, run: RunJob): Promise<readonly Environment[]> {
  const found: Environment[] = [];
  for (const name of filesOf(`${store}/persist`).filter(isEnvironmentName)) {
    const path = environmentPath(store, name);
    found.push({
      name,
      base: baseOf(path),
      disk: await measure(path, run),
      inUse: isInUse(path),
      lastUsed: Math.max(modified(`${path}/work`), modified(path)),
      snapshots: await listSnapshots(store, name, run),
    });
  }
  return found;
}

/** With its snapshots. */
export async function removeEnvironment(store: string, name: string, run: RunJob): Promise<void> {
  const path = requireEnvironment(store, name);
  lockEnvironment(path, name)?.close();
  for (const { tag } of await listSnapshots(store, name, run)) await removeSnapshot(store, name, tag, run);
  if (!(await removeObject(store, "persist", name, run))) lockEnvironment(path, name)?.close();
}

/** Empty, and on no base: the next run says which. */
export async function resetEnvironment(store: string, name: string, run: RunJob): Promise<void> {
  requireEnvironment(store, name);
  await replaceEnvironment(store, name, run, async () => undefined);
}

/** What it holds now as `name@tag`. The environment must not be in use; a tag that is taken is an error. */
export async function snapshotEnvironment(store: string, name: string, tag: string, run: RunJob): Promise<Snapshot> {
  const path = requireEnvironment(store, name);
  const place = snapshotPath(store, name, tag);
  using _env = lockEnvironment(path, name);
  if (stat(place))
    throw new RootfsError(
      "make",
      `the snapshot ${name}@${tag}`,
      "there is one of that name",
      "take another tag, or remove it",
    );
  const working = `snapshot-${name}@${tag}`;
  await workingOn(store, working, run, async (folder, lock) => {
    makeFolder(`${folder}/tree`);
    await copyUpper(path, `${folder}/tree`, lock, run);
    makeFolder(`${store}/snapshots/${name}`);
    renameExclusive(AT_FDCWD, `${folder}/tree`, AT_FDCWD, place);
  });
  return await describeSnapshot(store, name, tag, run);
}

/** What it holds is given up for what it held when the snapshot was made. One that was removed is there again. */
export async function restoreEnvironment(store: string, name: string, tag: string, run: RunJob): Promise<void> {
  const place = requireSnapshot(store, name, tag);
  if (!stat(environmentPath(store, name))) makeEnvironment(environmentPath(store, name));
  await replaceEnvironment(store, name, run, async (folder, lock) => copyUpper(place, folder, lock, run));
}

export async function removeSnapshot(store: string, name: string, tag: string, run: RunJob): Promise<void> {
  const place = requireSnapshot(store, name, tag);
  await workingOn(store, `snapshot-${name}@${tag}`, run, async (folder) => {
    renameExclusive(AT_FDCWD, place, AT_FDCWD, `${folder}/tree`);
  });
  tryRemovingFolder(`${store}/snapshots/${name}`);
}

/** What it changes of its base. */
export async function diffEnvironment(store: string, name: string, run: RunJob): Promise<readonly Change[]> {
  const path = requireEnvironment(store, name);
  using _env = lockEnvironment(path, name);
  using stack = new DisposableStack();
  const folder = (place: string): number => stack.use(open(place, O_RDONLY | O_DIRECTORY)).number;
  const bases = baseRoots(store, readBase(path)).map((root) => folder(requireBase(name, root)));
  return await run({ kind: "compare", upper: folder(`${path}/upper`), bases });
}

/** The folders of a base, the topmost first. */
export function baseRoots(store: string, base: EnvironmentBase | undefined): readonly string[] {
  switch (base?.kind) {
    case "rootfs":
      return [`${store}/rootfs/${base.digest}/root`];
    case "image":
      return base.layers.map((key) => `${store}/layers/${key}/root`).reverse();
    case "folder":
      return [base.name];
    case undefined:
      return [];
  }
}

/** The bases that environments and snapshots need: a collector keeps them. */
export function environmentBases(store: string): readonly EnvironmentBase[] {
  const places = filesOf(`${store}/persist`).map((name) => `${store}/persist/${name}`);
  const kept = filesOf(`${store}/snapshots`).flatMap((name) =>
    filesOf(`${store}/snapshots/${name}`).map((tag) => `${store}/snapshots/${name}/${tag}`),
  );
  return [...places, ...kept].flatMap((place) => baseOf(place) ?? []);
}

async function listSnapshots(store: string, name: string, run: RunJob): Promise<readonly Snapshot[]> {
  const tags = filesOf(`${store}/snapshots/${name}`).filter(isEnvironmentName);
  const snapshots: Snapshot[] = [];
  for (const tag of tags) snapshots.push(await describeSnapshot(store, name, tag, run));
  return snapshots;
}

async function describeSnapshot(store: string, name: string, tag: string, run: RunJob): Promise<Snapshot> {
  const place = snapshotPath(store, name, tag);
  return { tag, base: baseOf(place), disk: await measure(place, run), made: modified(place) };
}

/** A new state, made by `fill` in an empty environment beside the old, takes its place. */
async function replaceEnvironment(
  store: string,
  name: string,
  run: RunJob,
  fill: (folder: string, lock: number) => Promise<void>,
): Promise<void> {
  const path = environmentPath(store, name);
  using old = lockEnvironment(path, name);
  if (old === undefined) throw noEnvironment(name);
  await workingOn(store, `environment-${name}`, run, async (folder, lock) => {
    makeEnvironment(`${folder}/tree`);
    await fill(`${folder}/tree`, lock);
    // Marked as what is being removed: a run that has opened the old one looks again (in_use.ts).
    changeOpenMode(old.number, new TextEncoder().encode(path), DOOMED);
    exchange(AT_FDCWD, `${folder}/tree`, AT_FDCWD, path);
  });
}

/** `upper` and `base` of one place into the folder `to`. */
async function copyUpper(from: string, to: string, lock: number, run: RunJob): Promise<void> {
  makeFolder(`${to}/upper`);
  using source = open(`${from}/upper`, O_RDONLY | O_DIRECTORY);
  using target = open(`${to}/upper`, O_RDONLY | O_DIRECTORY);
  await run({ kind: "copy", from: source.number, to: target.number }, [lock]);
  const base = baseOf(from);
  if (base) writeBase(to, base);
  syncFileSystem(target.number, "the store");
}

/** A folder in tmp/ under a lock of its own, gone afterwards with what is then in it. */
async function workingOn(
  store: string,
  name: string,
  run: RunJob,
  work: (folder: string, lock: number) => Promise<void>,
): Promise<void> {
  openStore(store);
  await removeMoved(store, name, run);
  {
    using lock = await takeLock(store, name);
    makeFolder(`${store}/tmp/${name}`);
    using tmp = open(`${store}/tmp`, O_RDONLY | O_DIRECTORY);
    try {
      await work(`${store}/tmp/${name}`, lock.number);
    } finally {
      await run({ kind: "remove", folder: tmp.number, name }, [lock.number]);
    }
  }
}

function requireEnvironment(store: string, name: string): string {
  const path = isEnvironmentName(name) ? environmentPath(store, name) : undefined;
  if (path !== undefined && stat(path)) return path;
  throw noEnvironment(name);
}

function noEnvironment(name: string): RootfsError {
  return new RootfsError(
    "find",
    `the environment ${JSON.stringify(name)}`,
    "there is none of that name",
    "sandbox env ls shows what is there",
  );
}

function requireSnapshot(store: string, name: string, tag: string): string {
  const place = isEnvironmentName(name) && isEnvironmentName(tag) ? snapshotPath(store, name, tag) : undefined;
  if (place !== undefined && stat(place)) return place;
  throw new RootfsError(
    "find",
    `the snapshot ${JSON.stringify(`${name}@${tag}`)}`,
    "there is none of that name",
    "sandbox env ls shows what is there",
  );
}

function snapshotPath(store: string, name: string, tag: string): string {
  if (!isEnvironmentName(name) || !isEnvironmentName(tag))
    throw new RootfsError(
      "name a snapshot",
      JSON.stringify(`${name}@${tag}`),
      "it takes letters, digits, dots, dashes and underscores",
    );
  return `${store}/snapshots/${name}/${tag}`;
}

function requireBase(name: string, root: string): string {
  if (stat(root)) return root;
  throw new RootfsError(
    "compare",
    `the environment ${name}`,
    `its base ${root} is gone`,
    "make the base again, by running or pulling it",
  );
}

function baseOf(path: string): EnvironmentBase | undefined {
  const text = readText(`${path}/base`);
  return text === undefined ? undefined : parseBase(text);
}

async function measure(path: string, run: RunJob): Promise<number> {
  using folder = open(path, O_RDONLY | O_DIRECTORY);
  return (await run({ kind: "measure", root: folder.number })).disk;
}

function modified(path: string): number {
  return Number(BigInt(stat(path)?.mtime ?? "0") / 1_000_000n);
}

/** One that is not empty stays. */
function tryRemovingFolder(path: string): void {
  try {
    unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
}
