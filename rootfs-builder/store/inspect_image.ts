// All that the store knows of an image, for `image inspect`, `history` and `save`; and the verb that takes one away.
import { stat } from "../../ffi/file.ts";
import { readBlob } from "./blobs.ts";
import { type ImageRecord, listImages, requireImage, type StoredLayer, untagImage } from "./images.ts";
import { storedLayers } from "./inventory.ts";
import type { RunJob } from "./job.ts";
import { blobPath, diffIDOf, type LayerKey } from "./layout.ts";
import { measureObject } from "./measure_object.ts";
import { isImageInUse } from "./prune.ts";

export type InspectedImage = {
  readonly record: ImageRecord;
  /** All names of the same manifest, sorted. */
  readonly names: readonly string[];
  /** As they were sent, verified. */
  readonly manifestBytes: Uint8Array;
  readonly configBytes: Uint8Array;
  readonly layers: readonly InspectedLayer[];
  readonly inUse: boolean;
};

export type InspectedLayer = StoredLayer & {
  /** Is it kept as it was sent? */
  readonly kept: boolean;
  /** Its unpacked forms, and what each takes on the disk. */
  readonly unpacked: readonly { readonly key: LayerKey; readonly disk: number }[];
};

/** Throws RootfsError where there is no such image, or its documents are damaged. */
export async function inspectImage(store: string, name: string, run: RunJob): Promise<InspectedImage> {
  const record = requireImage(store, name);
  const keys = storedLayers(store);
  const layers: InspectedLayer[] = [];
  for (const layer of record.layers) {
    const unpacked: { key: LayerKey; disk: number }[] = [];
    for (const key of keys.filter((candidate) => diffIDOf(candidate) === layer.diffID))
      unpacked.push({ key, disk: await measureObject(`${store}/layers/${key}`, run) });
    layers.push({ ...layer, kept: stat(blobPath(store, layer.digest))?.size === layer.size, unpacked });
  }
  return {
    record,
    names: namesOf(store, record),
    manifestBytes: readBlob(store, record.manifest, name),
    configBytes: readBlob(store, record.config, name),
    layers,
    inUse: isImageInUse(store, record),
  };
}

/** Takes the names away. What nothing leads to any more goes with the next collection. Names that are not there are an error, and nothing happens. */
export async function removeImages(store: string, names: readonly string[]): Promise<readonly ImageRecord[]> {
  const records = names.map((name) => requireImage(store, name));
  for (const { name } of records) await untagImage(store, name);
  return records;
}

function namesOf(store: string, { manifest }: ImageRecord): readonly string[] {
  return listImages(store).flatMap((image) => (image.manifest.digest === manifest.digest ? [image.name] : []));
}
