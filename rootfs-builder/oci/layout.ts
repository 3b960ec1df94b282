// An OCI image layout, in a folder or an archive (OCI image-spec, image-layout.md): index.json names manifests, and all else
// is a blob under its digest.
import type { Descriptor } from "./descriptor.ts";
import { algorithmOf, type Digest, hexOf, shortDigest } from "./digest.ts";
import { type ImageFiles, readDocument } from "./image_files.ts";
import { type ImageIndex, parseImageIndex } from "./image_index.ts";
import { describe, type ImageRoot, type ImageSource, readVerified } from "./image_source.ts";
import { JsonView } from "./json_view.ts";
import { LARGEST_MANIFEST } from "./manifest.ts";
import { OCI_INDEX } from "./media_type.ts";
import { OciError, quoted } from "./oci_error.ts";

export const REF_NAME = "org.opencontainers.image.ref.name";
/** What containerd and docker save call an image, with its registry. */
const CONTAINERD_NAME = "io.containerd.image.name";
const LARGEST_MARK = 4096;
const SHOWN_NAMES = 12;

export class LayoutSource implements ImageSource {
  readonly name: string;
  readonly #files: ImageFiles;
  readonly #tag: string | undefined;

  /** Owns `files`. Without a `tag` the layout must leave no choice. */
  constructor(files: ImageFiles, tag: string | undefined) {
    this.name = tag === undefined ? files.name : `${files.name}:${tag}`;
    this.#files = files;
    this.#tag = tag;
  }

  async root(): Promise<ImageRoot> {
    await this.#verifyVersion();
    const bytes = await readDocument(this.#files, "index.json", LARGEST_MANIFEST);
    const index = parseImageIndex(bytes, "", `${this.#files.name}, index.json`);
    const descriptor = this.#choose(index);
    if (!descriptor) return { bytes, descriptor: describe(bytes, OCI_INDEX) };
    return { descriptor, bytes: await this.manifest(descriptor) };
  }

  async manifest(descriptor: Descriptor): Promise<Uint8Array> {
    return await readVerified(this, descriptor, LARGEST_MANIFEST);
  }

  async *blob({ digest, size }: Descriptor, from = 0): AsyncGenerator<Uint8Array, void, void> {
    const path = blobPath(digest);
    const found = this.#files.size(path);
    const where = `${this.name}, the blob ${shortDigest(digest)}`;
    if (found === undefined) throw new OciError("absent", where, "it is not there", "The layout is not complete");
    if (found !== size) throw new OciError("content", where, `it has ${found} bytes, and its descriptor says ${size}`);
    yield* this.#files.read(path, from);
  }

  close(): void {
    this.#files.close();
  }

  /** The manifest of the tag; `undefined` for the index itself, one image in many forms without names. */
  #choose({ manifests }: ImageIndex): Descriptor | undefined {
    const tag = this.#tag;
    const found = tag === undefined ? manifests : manifests.filter((descriptor) => namesOf(descriptor).includes(tag));
    const digests = new Set(found.map(({ digest }) => digest));
    if (digests.size === 1) return found[0];
    const hint = namesHint(manifests);
    if (found.length === 0) throw new OciError("absent", this.name, "there is no such image in the layout", hint);
    if (tag !== undefined) throw new OciError("document", this.name, "several images in the layout have that name");
    if (manifests.every((descriptor) => namesOf(descriptor).length === 0)) return undefined;
    throw new OciError("reference", this.name, `there are ${digests.size} images in the layout`, hint);
  }

  async #verifyVersion(): Promise<void> {
    const mark = await readDocument(this.#files, "oci-layout", LARGEST_MARK);
    const view = JsonView.parse(mark, `${this.#files.name}, oci-layout`, LARGEST_MARK).field("imageLayoutVersion");
    if (!/^1\.\d+\.\d+$/.test(view.text(32))) throw view.refuse(`is ${quoted(view.text(32))}, and only 1.x is known`);
  }
}

/** A digest has no slash and no dot: its two parts are names of files. */
export function blobPath(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}

function namesOf({ annotations }: Descriptor): readonly string[] {
  return [annotations[REF_NAME], annotations[CONTAINERD_NAME]].filter((name) => name !== undefined);
}

function namesHint(manifests: readonly Descriptor[]): string {
  const names = [...new Set(manifests.flatMap((descriptor) => namesOf(descriptor).slice(0, 1)))];
  if (names.length === 0) return "";
  const more = names.length > SHOWN_NAMES ? " and others" : "";
  return `Choose one by its tag: ${names.slice(0, SHOWN_NAMES).map(quoted).join(", ")}${more}`;
}
