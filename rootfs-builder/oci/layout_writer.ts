// Writes images into an OCI image layout (OCI image-spec, image-layout.md), new or there already: blobs first, each under a
// temporary name until it is verified, and index.json last and at once, so that a reader sees whole images at any time.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import {
  mkdirat,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  open,
  readAll,
  rename,
  stat,
  unlinkat,
  writeAll,
} from "../../ffi/file.ts";
import { createFile, syncFileSystem } from "../../ffi/path_at.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import type { Descriptor } from "./descriptor.ts";
import { algorithmOf, type Digest } from "./digest.ts";
import { parseImageIndex } from "./image_index.ts";
import { describe, type ImageSource } from "./image_source.ts";
import { blobPath, REF_NAME } from "./layout.ts";
import { LARGEST_MANIFEST } from "./manifest.ts";
import { OCI_INDEX } from "./media_type.ts";
import { OciError } from "./oci_error.ts";
import { BlobVerifier, verifiedStream } from "./verified_stream.ts";

const OBJECT = "the image layout";
const PARTIAL = ".sandbox-partial";

export class LayoutWriter {
  readonly #folder: number;
  readonly #added = new Map<string | undefined, Descriptor>();

  /** `folder` is open and stays the caller's; it is empty or a layout, and nobody else writes to it. */
  constructor(folder: number) {
    this.#folder = folder;
    makeFolder(folder, "blobs");
  }

  /** A blob of `source`; one that is there already, by its size, is not read again. Throws {@link OciError}. */
  async add(descriptor: Descriptor, source: Pick<ImageSource, "name" | "blob">): Promise<void> {
    if (stat(blobPath(descriptor.digest), false, this.#folder)?.size === descriptor.size) return;
    const verifier = new BlobVerifier(descriptor, source.name);
    using file = this.#create();
    for await (const chunk of verifiedStream(source.blob(descriptor), verifier)) writeAll(file.number, OBJECT, chunk);
    this.#place(descriptor.digest);
  }

  /** A document: a manifest, an index, a configuration. */
  addBytes(bytes: Uint8Array, mediaType: string): Descriptor {
    const descriptor = describe(bytes, mediaType);
    using file = this.#create();
    writeAll(file.number, OBJECT, bytes);
    this.#place(descriptor.digest);
    return descriptor;
  }

  /** Names a manifest or an index in index.json, from {@link finish} on. */
  tag(descriptor: Descriptor, name: string | undefined): void {
    this.#added.set(name, descriptor);
  }

  finish(): void {
    const kept = this.#read().filter((entry) => !this.#added.has(nameOf(entry)));
    const manifests = [...kept, ...[...this.#added].map(([name, descriptor]) => written(descriptor, name))];
    // Else a power cut could leave an index of blobs that are empty.
    syncFileSystem(this.#folder, OBJECT);
    this.#write(encode({ imageLayoutVersion: "1.0.0" }), "oci-layout");
    this.#write(encode({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }), "index.json");
  }

  /** The entries of the index that is there, with whatever other tools have put into them. */
  #read(): readonly Entry[] {
    const found = stat("index.json", false, this.#folder);
    if (!found) return [];
    if (found.size > LARGEST_MANIFEST) throw new OciError("document", "index.json", `it has ${found.size} bytes`);
    using file = open("index.json", O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, this.#folder);
    const bytes = readAll(file.number, "index.json", LARGEST_MANIFEST);
    parseImageIndex(bytes, "", "index.json");
    const { manifests } = JSON.parse(new TextDecoder().decode(bytes)) as {
      readonly manifests?: readonly Entry[] | null;
    };
    return manifests ?? [];
  }

  /** What is under the temporary name becomes the blob. */
  #place(digest: Digest): void {
    makeFolder(this.#folder, `blobs/${algorithmOf(digest)}`);
    rename(this.#folder, PARTIAL, this.#folder, blobPath(digest));
  }

  #write(bytes: Uint8Array, path: string): void {
    using file = this.#create();
    writeAll(file.number, OBJECT, bytes);
    rename(this.#folder, PARTIAL, this.#folder, path);
  }

  /** What a writer that was killed has left under that name is garbage. */
  #create(): Fd {
    if (stat(PARTIAL, false, this.#folder)) unlinkat(this.#folder, PARTIAL);
    const file = createFile(this.#folder, new TextEncoder().encode(PARTIAL), 0o644);
    if (file) return file;
    throw new OciError("content", OBJECT, "another program writes to it");
  }
}

type Entry = { readonly annotations?: Readonly<Record<string, string>> | null };

function nameOf({ annotations }: Entry): string | undefined {
  return annotations?.[REF_NAME];
}

function written({ mediaType, digest, size, annotations, platform }: Descriptor, name: string | undefined): Entry {
  const all = name === undefined ? annotations : { ...annotations, [REF_NAME]: name };
  const entry = { mediaType, digest, size, ...(Object.keys(all).length > 0 ? { annotations: all } : {}) };
  if (!platform) return entry;
  const { os, architecture, variant } = platform;
  return { ...entry, platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } } as Entry;
}

function encode(document: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(document));
}

function makeFolder(at: number, path: string): void {
  try {
    mkdirat(at, path, 0o755);
  } catch (error) {
    if (!(error instanceof SyscallError && error.errno === ERRNO.EEXIST)) throw error;
  }
}
