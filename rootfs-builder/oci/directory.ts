// What `skopeo copy SOURCE dir:FOLDER` writes (containers-transports(5)): manifest.json, and each blob in a file named by the
// hex of its digest.
import type { Descriptor } from "./descriptor.ts";
import { hexOf, shortDigest } from "./digest.ts";
import { type ImageFiles, readDocument } from "./image_files.ts";
import { describe, type ImageRoot, type ImageSource } from "./image_source.ts";
import { JsonView } from "./json_view.ts";
import { declaredType, LARGEST_MANIFEST } from "./manifest.ts";
import { OciError } from "./oci_error.ts";
import { BlobVerifier } from "./verified_stream.ts";

export class DirectorySource implements ImageSource {
  readonly name: string;
  readonly #files: ImageFiles;

  /** Owns `files`. */
  constructor(files: ImageFiles) {
    this.name = files.name;
    this.#files = files;
  }

  async root(): Promise<ImageRoot> {
    const bytes = await readDocument(this.#files, "manifest.json", LARGEST_MANIFEST);
    const mediaType = declaredType(JsonView.parse(bytes, `${this.name}, manifest.json`, LARGEST_MANIFEST), "");
    return { bytes, descriptor: describe(bytes, mediaType) };
  }

  /** Of an index: `skopeo copy --all`. */
  async manifest(descriptor: Descriptor): Promise<Uint8Array> {
    const bytes = await readDocument(this.#files, `${hexOf(descriptor.digest)}.manifest.json`, LARGEST_MANIFEST);
    const verifier = new BlobVerifier(descriptor, this.name);
    verifier.eat(bytes);
    verifier.finish();
    return bytes;
  }

  async *blob({ digest, size }: Descriptor, from = 0): AsyncGenerator<Uint8Array, void, void> {
    const found = this.#files.size(hexOf(digest));
    const where = `${this.name}, the blob ${shortDigest(digest)}`;
    if (found === undefined) throw new OciError("absent", where, "it is not there");
    if (found !== size) throw new OciError("content", where, `it has ${found} bytes, and the manifest says ${size}`);
    yield* this.#files.read(hexOf(digest), from);
  }

  close(): void {
    this.#files.close();
  }
}
