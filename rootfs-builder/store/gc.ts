// Takes out of the store what nothing leads to and nobody uses. What leads to things is looked at under the lock that a new name needs
// too, and what goes is moved away before that lock is let go: a pull that finishes in between finds its layers in place,
// since it holds each of them in use until its name is written. Removing what was moved away comes after.
import { AT_FDCWD, readlink, unlinkat } from "../../ffi/file.ts";
import { removeBlob } from "./blobs.ts";
import { moveOut, removeMoved } from "./garbage.ts";
import { changingImages, filesOf, listImages } from "./images.ts";
import { isInUse } from "./in_use.ts";
import {
  ageOf,
  isReachableLayer,
  type Reachable,
  reachable,
  storedBlobs,
  storedLayers,
  storedPartials,
  storedRootfs,
} from "./inventory.ts";
import type { RunJob } from "./job.ts";
import { blobPath, type ContentDigest, type Digest, diffIDOf, isTreeName, type LayerKey } from "./layout.ts";
import { tryLock } from "./lock.ts";
import { diskOf, measureObject, measurePath } from "./measure_object.ts";
import { openStore } from "./open_store.ts";

export type CollectOptions = {
  readonly store: string;
  readonly run: RunJob;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** What is younger stays, in milliseconds: it may be on its way to a name. */
  readonly grace: number;
  /** Unpacked tarballs and Alpine releases that nobody uses: they are made anew when they are asked for. */
  readonly rootfs: "keep" | "drop";
  /** Layers as they were sent, whose unpacked form is there. */
  readonly layerBlobs: "keep" | "drop";
  /** Beginnings of downloads, whatever their age; else those of a week and more. */
  readonly partials: "keep" | "drop";
  /** Tell and remove nothing. */
  readonly dryRun: boolean;
  /** Names that are taken for gone: those that a dry run would have taken away. */
  readonly without?: readonly string[];
};

export type Collected = {
  readonly layers: readonly LayerKey[];
  readonly rootfs: readonly Digest[];
  readonly blobs: readonly ContentDigest[];
  readonly partials: readonly string[];
  /** Left by processes that were killed. */
  readonly garbage: readonly string[];
  /** Bytes on the disk. */
  readonly freed: number;
};

const WEEK = 7 * 24 * 3600 * 1000;

export async function collect(options: CollectOptions): Promise<Collected> {
  const { store, run, dryRun } = options;
  openStore(store);
  const garbage = await collectGarbage(options);
  const moved: string[] = [];
  const found = await changingImages(store, async () => {
    const { without = [] } = options;
    const marks = reachable(
      store,
      listImages(store).filter(({ name }) => !without.includes(name)),
    );
    const layers = await sweepTrees(
      "layers",
      storedLayers(store),
      (key) => !isReachableLayer(key, marks),
      options,
      moved,
    );
    const unused = (digest: Digest): boolean => options.rootfs === "drop" && !marks.rootfs.has(digest);
    const rootfs = await sweepTrees("rootfs", storedRootfs(store), unused, options, moved);
    return { layers, rootfs, blobs: sweepBlobs(marks, options) };
  });
  for (const name of moved) await removeMoved(store, name, run);
  if (!dryRun) removeBrokenIndex(store);
  const partials = await sweepPartials(options);
  return {
    layers: found.layers.names,
    rootfs: found.rootfs.names,
    blobs: found.blobs.names,
    partials: partials.names,
    garbage: garbage.names,
    freed: [found.layers, found.rootfs, found.blobs, partials, garbage].reduce((sum, { freed }) => sum + freed, 0),
  };
}

type Swept<T> = { readonly names: readonly T[]; readonly freed: number };

async function sweepTrees<T extends string>(
  folder: "layers" | "rootfs",
  names: readonly T[],
  unwanted: (name: T) => boolean,
  { store, run, now, grace, dryRun }: CollectOptions,
  moved: string[],
): Promise<Swept<T>> {
  const swept: T[] = [];
  let freed = 0;
  for (const name of names.filter(unwanted)) {
    const path = `${store}/${folder}/${name}`;
    if (ageOf(path, now) < grace) continue;
    const size = await measureObject(path, run);
    if (dryRun ? isInUse(path) : !pushed(moveOut(store, folder, name), moved)) continue;
    swept.push(name);
    freed += size;
  }
  return { names: swept, freed };
}

function pushed(name: string | undefined, onto: string[]): boolean {
  if (name !== undefined) onto.push(name);
  return name !== undefined;
}

/** A layer as it was sent is dropped on request where its unpacked form is there, and kept where it is all that there is. */
function sweepBlobs(marks: Reachable, { store, now, grace, layerBlobs, dryRun }: CollectOptions): Swept<ContentDigest> {
  const swept: ContentDigest[] = [];
  let freed = 0;
  const kept = layerBlobs === "keep" ? marks.layerBlobs : neededBlobs(store);
  for (const digest of storedBlobs(store)) {
    if (marks.manifests.has(digest) || kept.has(digest)) continue;
    const dropped = marks.layerBlobs.has(digest);
    if (!dropped && ageOf(blobPath(store, digest), now) < grace) continue;
    freed += diskOf(blobPath(store, digest));
    if (!dryRun) removeBlob(store, digest);
    swept.push(digest);
  }
  return { names: swept, freed };
}

/** Of layers that are not unpacked in any form. */
function neededBlobs(store: string): ReadonlySet<ContentDigest> {
  const unpacked = new Set(storedLayers(store).map(diffIDOf));
  const layers = listImages(store).flatMap((image) => image.layers);
  return new Set(layers.filter(({ diffID }) => !unpacked.has(diffID)).map(({ digest }) => digest));
}

async function sweepPartials({ store, run, now, partials, dryRun }: CollectOptions): Promise<Swept<string>> {
  const oldest = partials === "drop" ? 0 : WEEK;
  const names = storedPartials(store).filter((name) => ageOf(`${store}/tmp/${name}`, now) >= oldest);
  return await removeUnheld(names, store, run, dryRun);
}

async function collectGarbage({ store, run, dryRun }: CollectOptions): Promise<Swept<string>> {
  const partials = new Set(storedPartials(store));
  const names = filesOf(`${store}/tmp`).filter((name) => !partials.has(name));
  return await removeUnheld(names, store, run, dryRun);
}

async function removeUnheld(
  names: readonly string[],
  store: string,
  run: RunJob,
  dryRun: boolean,
): Promise<Swept<string>> {
  const swept: string[] = [];
  let freed = 0;
  for (const name of names) {
    {
      using lock = tryLock(store, name);
      if (lock === undefined) continue;
      freed += await measurePath(`${store}/tmp/${name}`, run);
    }
    if (!dryRun) await removeMoved(store, name, run);
    swept.push(name);
  }
  return { names: swept, freed };
}

/** Links of index/ whose tree is gone. */
export function brokenIndex(store: string): readonly string[] {
  const trees = storedRootfs(store);
  return filesOf(`${store}/index`).filter((file) => {
    const digest = readlink(`${store}/index/${file}`);
    // A tarball may be unpacked in several forms of owners.
    return digest === undefined || !isTreeName(digest) || !trees.some((name) => name.startsWith(digest));
  });
}

export function removeBrokenIndex(store: string): void {
  for (const file of brokenIndex(store)) unlinkat(AT_FDCWD, `${store}/index/${file}`);
}
