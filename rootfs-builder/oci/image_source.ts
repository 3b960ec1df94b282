// Where an image is read from, whatever it is: a registry, a layout, an archive. Whoever implements it hands bytes out as
// they are there; `readVerified` and download_blob.ts are the ways to get a blob that is what its descriptor says.
import type { Descriptor } from "./descriptor.ts";
import { digestOf } from "./digest.ts";
import { OciError } from "./oci_error.ts";
import { BlobVerifier, verifiedStream } from "./verified_stream.ts";

export type ImageRoot = {
  /** Of an index or of a manifest; its digest is that of `bytes`. */
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
};

export interface ImageSource {
  /** For messages: `docker.io/library/alpine:3.22`, a path. */
  readonly name: string;
  root(): Promise<ImageRoot>;
  /** The bytes of a manifest or an index, verified. */
  manifest(descriptor: Descriptor): Promise<Uint8Array>;
  /**
   * The bytes of a blob from `from` on, NOT verified: see {@link readVerified} and downloadBlob. Throws {@link OciError};
   * with the fault `network` when it broke off and another try may go on from there.
   */
  blob(descriptor: Descriptor, from?: number): AsyncIterable<Uint8Array>;
  close(): void;
}

/** A whole blob of at most `limit` bytes. */
export async function readVerified(
  source: Pick<ImageSource, "name" | "blob">,
  descriptor: Descriptor,
  limit: number,
): Promise<Uint8Array> {
  if (descriptor.size > limit)
    throw new OciError("document", source.name, `a document of ${descriptor.size} bytes: at most ${limit} are read`);
  const verifier = new BlobVerifier(descriptor, source.name);
  const bytes = new Uint8Array(descriptor.size);
  let length = 0;
  for await (const chunk of verifiedStream(source.blob(descriptor), verifier)) {
    bytes.set(chunk, length);
    length += chunk.length;
  }
  return bytes;
}

/** A descriptor for `bytes`. */
export function describe(bytes: Uint8Array, mediaType: string): Descriptor {
  return { mediaType, digest: digestOf(bytes), size: bytes.length, annotations: {}, platform: undefined };
}
