// What `system df` shows: everything in the store with its size on the disk, each byte counted once, and what a prune would free.

import { type Environment, listEnvironments } from "./environments.ts";
import { isPartial } from "./garbage.ts";
import { filesOf, listImages } from "./images.ts";
import { isInUse } from "./in_use.ts";
import { isReachableLayer, reachable, storedBlobs, storedLayers, storedRootfs } from "./inventory.ts";
import type { RunJob } from "./job.ts";
import { blobPath, type ContentDigest, type Digest, diffIDOf, type LayerKey } from "./layout.ts";
import { diskOf, measureObject, measurePath } from "./measure_object.ts";
import { isImageInUse } from "./prune.ts";

export type DiskUsage = {
  readonly images: readonly ImageUsage[];
  readonly layers: readonly LayerUsage[];
  readonly rootfs: readonly RootfsUsage[];
  readonly blobs: readonly BlobUsage[];
  readonly environments: readonly Environment[];
  /** Beginnings of downloads, and what killed processes have left. */
  readonly temporary: { readonly partials: number; readonly other: number };
  readonly total: number;
  /** What `prune` with nothing kept would free; what is in use is not in it. */
  readonly reclaimable: number;
};

export type ImageUsage = {
  readonly names: readonly string[];
  readonly manifest: ContentDigest;
  /** Of its unpacked layers. */
  readonly disk: number;
  /** The part of that which other images use as well. */
  readonly shared: number;
  readonly layers: number;
  readonly inUse: boolean;
  /** Milliseconds since 1970. */
  readonly stored: number;
};

export type LayerUsage = {
  readonly key: LayerKey;
  readonly disk: number;
  readonly images: number;
  readonly inUse: boolean;
  readonly wanted: boolean;
};
export type RootfsUsage = {
  readonly digest: Digest;
  readonly disk: number;
  readonly inUse: boolean;
  readonly wanted: boolean;
};
export type BlobUsage = {
  readonly digest: ContentDigest;
  readonly disk: number;
  readonly role: "document" | "layer" | "unreferenced";
};

export async function diskUsage(store: string, run: RunJob): Promise<DiskUsage> {
  const marks = reachable(store);
  const layers: LayerUsage[] = [];
  const images = distinctImages(store);
  for (const key of storedLayers(store)) {
    const users = images.filter(({ record }) => record.layers.some(({ diffID }) => diffID === diffIDOf(key))).length;
    const path = `${store}/layers/${key}`;
    layers.push({
      key,
      disk: await measureObject(path, run),
      images: users,
      inUse: isInUse(path),
      wanted: isReachableLayer(key, marks),
    });
  }
  const rootfs: RootfsUsage[] = [];
  for (const digest of storedRootfs(store)) {
    const path = `${store}/rootfs/${digest}`;
    rootfs.push({
      digest,
      disk: await measureObject(path, run),
      inUse: isInUse(path),
      wanted: marks.rootfs.has(digest),
    });
  }
  const blobs = storedBlobs(store).map((digest): BlobUsage => {
    const role = marks.manifests.has(digest) ? "document" : marks.layerBlobs.has(digest) ? "layer" : "unreferenced";
    return { digest, disk: diskOf(blobPath(store, digest)), role };
  });
  const environments = await listEnvironments(store, run);
  const temporary = await measureTemporary(store, run);
  return {
    images: images.map((image) => imageUsage(store, image, layers)),
    layers,
    rootfs,
    blobs,
    environments,
    temporary,
    total:
      sum(layers) +
      sum(rootfs) +
      sum(blobs) +
      sum(environments) +
      sum(environments.flatMap(({ snapshots }) => snapshots)) +
      temporary.partials +
      temporary.other,
    reclaimable:
      sum(layers.filter(isFree)) +
      sum(rootfs.filter(isFree)) +
      sum(blobs.filter(({ role }) => role !== "document")) +
      temporary.partials +
      temporary.other,
  };
}

type NamedImage = { readonly record: ReturnType<typeof listImages>[number]; readonly names: readonly string[] };

/** One for each manifest, with all its names. */
function distinctImages(store: string): readonly NamedImage[] {
  const byManifest = Map.groupBy(listImages(store), ({ manifest }) => manifest.digest);
  return [...byManifest.values()].flatMap((records) =>
    records[0] ? [{ record: records[0], names: records.map(({ name }) => name) }] : [],
  );
}

function imageUsage(store: string, { record, names }: NamedImage, layers: readonly LayerUsage[]): ImageUsage {
  const own = new Set(record.layers.map(({ diffID }) => diffID));
  const used = layers.filter(({ key }) => own.has(diffIDOf(key)));
  return {
    names,
    manifest: record.manifest.digest,
    disk: sum(used),
    shared: sum(used.filter(({ images }) => images > 1)),
    layers: record.layers.length,
    inUse: isImageInUse(store, record),
    stored: record.stored,
  };
}

async function measureTemporary(store: string, run: RunJob): Promise<DiskUsage["temporary"]> {
  const sizes = { partials: 0, other: 0 };
  for (const name of filesOf(`${store}/tmp`))
    sizes[isPartial(name) ? "partials" : "other"] += await measurePath(`${store}/tmp/${name}`, run);
  return sizes;
}

function isFree({ inUse, wanted }: { readonly inUse: boolean; readonly wanted: boolean }): boolean {
  return !inUse && !wanted;
}

function sum(list: readonly { readonly disk: number }[]): number {
  return list.reduce((total, { disk }) => total + disk, 0);
}
