// What is in the store, by name, and what leads to it. Reads only.
import { stat } from "../../ffi/file.ts";
import { environmentBases } from "./environments.ts";
import { isPartial } from "./garbage.ts";
import { filesOf, type ImageRecord, listImages } from "./images.ts";
import {
  type ContentDigest,
  type Digest,
  diffIDOf,
  isContentDigest,
  isLayerKey,
  isTreeName,
  type LayerKey,
} from "./layout.ts";

export function storedBlobs(store: string): readonly ContentDigest[] {
  return ["sha256", "sha512"].flatMap((algorithm) =>
    filesOf(`${store}/blobs/${algorithm}`)
      .map((hex) => `${algorithm}:${hex}`)
      .filter((digest) => isContentDigest(digest)),
  );
}

export function storedLayers(store: string): readonly LayerKey[] {
  return filesOf(`${store}/layers`).filter(isLayerKey);
}

export function storedRootfs(store: string): readonly Digest[] {
  return filesOf(`${store}/rootfs`).filter(isTreeName);
}

/** The beginnings of downloads. */
export function storedPartials(store: string): readonly string[] {
  return filesOf(`${store}/tmp`).filter(isPartial);
}

export type Reachable = {
  readonly manifests: ReadonlySet<ContentDigest>;
  readonly layerBlobs: ReadonlySet<ContentDigest>;
  /** By diffID, in whatever form of owners. */
  readonly diffIDs: ReadonlySet<ContentDigest>;
  readonly layers: ReadonlySet<LayerKey>;
  readonly rootfs: ReadonlySet<Digest>;
};

/** What names of images and bases of environments lead to. */
export function reachable(store: string, images: readonly ImageRecord[] = listImages(store)): Reachable {
  const bases = environmentBases(store);
  return {
    manifests: new Set(images.flatMap(({ manifest, config }) => [manifest.digest, config.digest])),
    layerBlobs: new Set(images.flatMap(({ layers }) => layers.map(({ digest }) => digest))),
    diffIDs: new Set(images.flatMap(({ layers }) => layers.map(({ diffID }) => diffID))),
    layers: new Set(bases.flatMap((base) => (base.kind === "image" ? base.layers : []))),
    rootfs: new Set(bases.flatMap((base) => (base.kind === "rootfs" ? [base.digest] : []))),
  };
}

export function isReachableLayer(key: LayerKey, { diffIDs, layers }: Reachable): boolean {
  return layers.has(key) || diffIDs.has(diffIDOf(key));
}

/** Milliseconds since something at `path` last changed, its name included. */
export function ageOf(path: string, now: number): number {
  const found = stat(path, false);
  return found ? now - Number(BigInt(found.ctime) / 1_000_000n) : 0;
}
