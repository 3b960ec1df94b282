// Layers of an image that the store knows, made again from the bytes that it was sent: they were unpacked for another form of owners,
// or have been repaired away. No network is needed.
import { writeAll } from "../ffi/file.ts";
import { type ImageToPull, type PulledImage, type PullOptions, pullImage } from "./pull_image.ts";
import { RootfsError } from "./rootfs_error.ts";
import { openBlob, readBlob, type StoredDescriptor } from "./store/blobs.ts";
import { fileChunks } from "./store/file_chunks.ts";
import type { ImageRecord } from "./store/images.ts";

/** Throws {@link RootfsError} where a layer was not kept as it was sent: then it takes a pull. */
export async function restoreLayers(record: ImageRecord, options: PullOptions): Promise<PulledImage> {
  const { store } = options;
  const image: ImageToPull & {
    readonly layers: readonly { readonly descriptor: StoredDescriptor; readonly diffId: string }[];
  } = {
    manifestDescriptor: record.manifest,
    manifestBytes: readBlob(store, record.manifest, record.name),
    manifest: { config: record.config },
    configBytes: readBlob(store, record.config, record.name),
    layers: record.layers.map(({ diffID, ...descriptor }) => ({ descriptor, diffId: diffID })),
  };
  const source = {
    name: record.name,
    resolve: async () => image,
    download: async (descriptor: StoredDescriptor, file: number): Promise<void> => {
      using blob = openBlob(store, descriptor);
      if (!blob) throw notKept(record.name);
      for await (const chunk of fileChunks(blob.number, record.name)) writeAll(file, record.name, chunk);
    },
  };
  // The name keeps the time at which the image came.
  return await pullImage(record.name, source, { ...options, now: () => record.stored });
}

function notKept(name: string): RootfsError {
  return new RootfsError(
    "unpack",
    name,
    "a layer of it is missing, and was not kept as it was sent",
    `Pull it again: sandbox image pull ${name}`,
  );
}
