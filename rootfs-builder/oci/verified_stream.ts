// A blob's bytes, checked while they pass: whoever reads the stream to its end has read what the descriptor promised, and
// nobody gets the end of anything else. The last chunk is held back until size and digest are known to be right.
import type { Descriptor } from "./descriptor.ts";
import { algorithmOf, type Digest, shortDigest } from "./digest.ts";
import { OciError } from "./oci_error.ts";

export type Expected = Pick<Descriptor, "digest" | "size">;

/** What has been read of a blob so far. It may have eaten a part of it before a stream goes on from there. */
export class BlobVerifier {
  readonly #expected: Expected;
  readonly #where: string;
  readonly #hasher: Bun.CryptoHasher;
  #length = 0;

  /** `where` names the blob's source in messages. */
  constructor(expected: Expected, where: string) {
    this.#expected = expected;
    this.#where = `${where}, the blob ${shortDigest(expected.digest)}`;
    this.#hasher = new Bun.CryptoHasher(algorithmOf(expected.digest));
  }

  /** Bytes eaten. */
  get length(): number {
    return this.#length;
  }

  get missing(): number {
    return this.#expected.size - this.#length;
  }

  eat(chunk: Uint8Array): void {
    if (chunk.length > this.missing) throw this.tooLong();
    this.#length += chunk.length;
    this.#hasher.update(chunk);
  }

  /** Throws {@link OciError} unless what was eaten is the blob. To be called once, at the end. */
  finish(): void {
    const { digest, size } = this.#expected;
    if (this.#length < size) throw this.#wrong(`it ended after ${this.#length} of ${size} bytes`);
    const found: Digest = `${algorithmOf(digest)}:${this.#hasher.digest("hex")}`;
    if (found !== digest) throw this.#wrong(`its content has the digest ${shortDigest(found)}`);
  }

  tooLong(): OciError {
    return this.#wrong(`it is longer than the ${this.#expected.size} bytes of its descriptor`);
  }

  #wrong(reason: string): OciError {
    return new OciError("content", this.#where, reason, "It is damaged where it is kept, or was changed on the way");
  }
}

/**
 * The chunks of `source`, which go on where `verifier` is. They must not be reused by the source. An error of the source's
 * passes through, with what was handed out, and no more, eaten by the verifier: another stream may go on from there.
 */
export async function* verifiedStream(
  source: AsyncIterable<Uint8Array>,
  verifier: BlobVerifier,
): AsyncGenerator<Uint8Array, void, void> {
  let last: Uint8Array | undefined;
  for await (const chunk of source) {
    if (chunk.length === 0) continue;
    if (last !== undefined || chunk.length > verifier.missing) throw verifier.tooLong();
    if (chunk.length === verifier.missing) {
      last = chunk;
      continue;
    }
    verifier.eat(chunk);
    yield chunk;
  }
  if (last) verifier.eat(last);
  verifier.finish();
  if (last) yield last;
}
