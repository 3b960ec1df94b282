// A tarball as an image of one layer: hashed into the store as a blob, then the same way as a pull, whose source is the store itself.
// What a tarball does not tell of an image (command, environment, platform) its caller does.
import { AT_FDCWD, O_CREAT, O_EXCL, O_RDWR, open, rename, unlinkat, writeAll } from "../ffi/file.ts";
import { syncFile } from "../ffi/node_at.ts";
import { explainFailure } from "./explain_failure.ts";
import {
  type ImageToPull,
  type PulledImage,
  type PullOptions,
  pullImage,
  type SourceDescriptor,
} from "./pull_image.ts";
import { RootfsError } from "./rootfs_error.ts";
import { openBlob, type StoredDescriptor } from "./store/blobs.ts";
import { fileChunks } from "./store/file_chunks.ts";
import { blobPath, type ContentDigest } from "./store/layout.ts";
import { takeLock } from "./store/lock.ts";
import { openStore } from "./store/open_store.ts";
import { compressionOf, decompress } from "./tar/decompress.ts";

export type ImportOptions = PullOptions & {
  /** Of the image's config (OCI image-spec, config.md): `architecture`, `os`, `config`, ... `rootfs` and `history` are added. */
  readonly config: Readonly<Record<string, unknown>> & { readonly architecture: string; readonly os: string };
  /** RFC 3339, for the config and its history; left out where `undefined`, which makes the image the same every time. */
  readonly created?: string | undefined;
  /** For messages and the history. */
  readonly origin: string;
  /** Makes names of temporary files; eight hex digits are enough. */
  readonly random: () => string;
};

const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const SUFFIXES = { none: "", gzip: "+gzip", zstd: "+zstd", xz: "" } as const;
const MAGIC_LENGTH = 6;

/** Imports the archive in the open file `archive` as `name`. Throws as {@link pullImage} does. */
export async function importImage(archive: number, name: string, options: ImportOptions): Promise<PulledImage> {
  const { layer, diffId } = await explained(options, () => addArchive(archive, options));
  const image = describeImage(layer, diffId, options);
  const download = async (descriptor: SourceDescriptor, file: number): Promise<void> => {
    using blob = openBlob(options.store, descriptor as StoredDescriptor);
    if (!blob)
      throw new RootfsError("import", options.origin, "another process has removed it from the store", "Run again");
    for await (const chunk of fileChunks(blob.number, options.origin)) writeAll(file, options.origin, chunk);
  };
  return await pullImage(name, { name: options.origin, resolve: async () => image, download }, options);
}

async function explained<T>({ store, origin }: ImportOptions, work: () => Promise<T>): Promise<T> {
  try {
    openStore(store);
    return await work();
  } catch (error) {
    throw explainFailure(error, "import", origin, store);
  }
}

/** The archive as a blob, read once: its digest, and that of what it holds. */
async function addArchive(
  archive: number,
  { store, origin, limits, random }: ImportOptions,
): Promise<{ readonly layer: StoredDescriptor; readonly diffId: string }> {
  const name = `import-${random()}`;
  using _lock = await takeLock(store, name);
  const path = `${store}/tmp/${name}`;
  using file = open(path, O_RDWR | O_CREAT | O_EXCL, 0o600);
  try {
    const sent = new Bun.CryptoHasher("sha256");
    const plain = new Bun.CryptoHasher("sha256");
    let [size, head] = [0, new Uint8Array()];
    const keep = (chunk: Uint8Array): void => {
      size += chunk.length;
      sent.update(chunk);
      writeAll(file.number, path, chunk);
    };
    // No layer may be xz (OCI image-spec, layer.md): such an archive is kept as what comes out of it.
    const isKept = (): boolean => compressionOf(head) !== "xz";
    async function* copied(): AsyncGenerator<Uint8Array, void, void> {
      for await (const chunk of fileChunks(archive, origin)) {
        if (head.length === 0) head = chunk.slice(0, MAGIC_LENGTH);
        if (isKept()) keep(chunk);
        yield chunk;
      }
    }
    for await (const chunk of decompress(copied(), limits)) {
      plain.update(chunk);
      if (!isKept()) keep(chunk);
    }
    syncFile(file.number, path);
    const digest: ContentDigest = `sha256:${sent.digest("hex")}`;
    rename(AT_FDCWD, path, AT_FDCWD, blobPath(store, digest));
    const mediaType = `${LAYER_TYPE}${SUFFIXES[compressionOf(head)]}`;
    return { layer: { mediaType, digest, size }, diffId: `sha256:${plain.digest("hex")}` };
  } catch (error) {
    unlinkat(AT_FDCWD, path);
    throw error;
  }
}

function describeImage(
  layer: StoredDescriptor,
  diffId: string,
  { config, created, origin }: ImportOptions,
): ImageToPull {
  const when = created === undefined ? {} : { created };
  const configBytes = json({
    ...when,
    ...config,
    rootfs: { type: "layers", diff_ids: [diffId] },
    history: [{ ...when, created_by: `sandbox image import ${origin}` }],
  });
  const described = describe(configBytes, CONFIG_TYPE);
  const manifestBytes = json({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config: described, layers: [layer] });
  return {
    manifestDescriptor: describe(manifestBytes, MANIFEST_TYPE),
    manifestBytes,
    manifest: { config: described },
    configBytes,
    layers: [{ descriptor: layer, diffId }],
  };
}

function describe(bytes: Uint8Array, mediaType: string): StoredDescriptor {
  return {
    mediaType,
    digest: `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`,
    size: bytes.length,
  };
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
