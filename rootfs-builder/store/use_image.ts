// An image for a run: its layers, in use from now on. On the start path: one read of the record, three system calls a layer,
// nothing written. Where a layer is not there in the form that is wanted, the slow way (restore_layers.ts) makes it.
import type { Fd } from "../../ffi/fd.ts";
import { readBlob } from "./blobs.ts";
import { findImage, type ImageRecord } from "./images.ts";
import { findLayer, type LayerKey, layerKey, type Ownership } from "./layout.ts";
import type { EnvironmentBase } from "./open_environment.ts";

export type ImageInUse = {
  readonly record: ImageRecord;
  /** Absolute paths of the layers' trees, the lowest first. */
  readonly roots: readonly string[];
  readonly keys: readonly LayerKey[];
  /** Keep the layers in the store for as long as they are open. */
  readonly locks: readonly Fd[];
};

/** `undefined` when there is no such image, or a layer of it is not unpacked with that ownership. */
export function useImage(store: string, name: string, ownership: Ownership): ImageInUse | undefined {
  const record = findImage(store, name);
  return record && useLayers(store, record, ownership);
}

export function useLayers(store: string, record: ImageRecord, ownership: Ownership): ImageInUse | undefined {
  const keys = record.layers.map(({ diffID }) => layerKey(diffID, ownership));
  const roots: string[] = [];
  using locks = new DisposableStack();
  const held: Fd[] = [];
  for (const key of keys) {
    const found = findLayer(store, key);
    if (found === undefined) return undefined;
    held.push(locks.use(found.lock));
    roots.push(found.path);
  }
  locks.move();
  return { record, roots, keys, locks: held };
}

/** The bytes of an image's config, verified. */
export function imageConfig(store: string, { config, name }: ImageRecord): Uint8Array {
  return readBlob(store, config, name);
}

/** What an environment that is made on it notes. */
export function imageBase({ record, keys }: ImageInUse): EnvironmentBase {
  return { kind: "image", name: record.name, manifest: record.manifest.digest, layers: keys };
}
