// Images of several layers for the tests of commands: each layer a tar file of its own, written as a layout that every tool reads.
import { gzipSync } from "node:zlib";
import { O_RDONLY, open } from "../../ffi/file.ts";
import { digestOf } from "../../rootfs-builder/oci/digest.ts";
import { describe } from "../../rootfs-builder/oci/image_source.ts";
import { LayoutWriter } from "../../rootfs-builder/oci/layout_writer.ts";
import { OCI_CONFIG, OCI_LAYER, OCI_MANIFEST } from "../../rootfs-builder/oci/media_type.ts";

export type LayoutImage = {
  readonly tag: string;
  /** Tar files, lowest first. */
  readonly layers: readonly Uint8Array[];
  readonly config: Readonly<Record<string, unknown>>;
  readonly history?: readonly object[];
};

/** Into the folder `path`, which is there. Gives the manifests' digests by tag. */
export function writeImages(path: string, images: readonly LayoutImage[]): ReadonlyMap<string, string> {
  using folder = open(path, O_RDONLY);
  const writer = new LayoutWriter(folder.number);
  const digests = new Map<string, string>();
  for (const image of images) {
    const layers = image.layers.map((bytes) => writer.addBytes(gzipSync(bytes), `${OCI_LAYER}+gzip`));
    const config = writer.addBytes(encode(configOf(image)), OCI_CONFIG);
    const bytes = encode({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: plain(config),
      layers: layers.map(plain),
    });
    writer.tag(writer.addBytes(bytes, OCI_MANIFEST), image.tag);
    digests.set(image.tag, describe(bytes, OCI_MANIFEST).digest);
  }
  writer.finish();
  return digests;
}

function configOf({ layers, config, history }: LayoutImage): object {
  return {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: layers.map((bytes) => digestOf(bytes)) },
    ...(history && { history }),
  };
}

function plain({ mediaType, digest, size }: ReturnType<typeof describe>): object {
  return { mediaType, digest, size };
}

function encode(document: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document));
}
