// An image of the store as `save` writes it: its documents as they came, and its layers wherever they are read from.
import type { Descriptor } from "./descriptor.ts";
import { parseImageConfig } from "./image_config.ts";
import type { ImageSource } from "./image_source.ts";

export type ImageToSave = {
  /** In the archive or layout; `undefined` for none. */
  readonly name: string | undefined;
  readonly manifest: Descriptor;
  readonly manifestBytes: Uint8Array;
  readonly config: Descriptor;
  readonly configBytes: Uint8Array;
  /** Lowest first. */
  readonly layers: readonly Descriptor[];
};

/** Where the layers are. */
export type BlobSource = Pick<ImageSource, "name" | "blob">;

/** As an index describes it: with the platform, which only the configuration tells. */
export function indexDescriptor({ manifest, configBytes, name }: ImageToSave): Descriptor {
  return { ...manifest, platform: parseImageConfig(configBytes, name ?? "the image").platform };
}

/** Each blob once, in the order of their first use. */
export function blobsOf(images: readonly ImageToSave[]): readonly Descriptor[] {
  const all = images.flatMap(({ layers }) => layers);
  return [...new Map(all.map((descriptor) => [descriptor.digest, descriptor])).values()];
}
