// The images of the store as something to copy from: for `save`, exact to the byte.
import type { Descriptor } from "../oci/descriptor.ts";
import type { BlobSource, ImageToSave } from "../oci/image_to_save.ts";
import { RootfsError } from "../rootfs_error.ts";
import { openBlob, readBlob, type StoredDescriptor } from "./blobs.ts";
import { fileChunks } from "./file_chunks.ts";
import type { ImageRecord } from "./images.ts";

/** `name` is what it is called where it is saved. Throws {@link RootfsError} where a layer was not kept as it was sent. */
export function imageToSave(store: string, record: ImageRecord, name: string | undefined): ImageToSave {
  for (const layer of record.layers) openLayer(store, layer, record.name)[Symbol.dispose]();
  return {
    name,
    manifest: descriptorOf(record.manifest),
    manifestBytes: readBlob(store, record.manifest, record.name),
    config: descriptorOf(record.config),
    configBytes: readBlob(store, record.config, record.name),
    layers: record.layers.map(descriptorOf),
  };
}

export function storedBlobSource(store: string): BlobSource {
  return {
    name: store,
    async *blob(descriptor) {
      using file = openLayer(store, descriptor as StoredDescriptor, "the image");
      yield* fileChunks(file.number, descriptor.digest);
    },
  };
}

function descriptorOf({ mediaType, digest, size }: StoredDescriptor): Descriptor {
  return { mediaType, digest, size, annotations: {}, platform: undefined };
}

function openLayer(store: string, layer: StoredDescriptor, name: string) {
  const file = openBlob(store, layer);
  if (file) return file;
  throw new RootfsError(
    "save",
    name,
    `its layer ${layer.digest.slice(0, 19)}... was not kept as it was sent`,
    `Pull it again: sandbox image pull ${name}`,
  );
}
