// One blob into an open file, begun where an earlier try has left off: what the file holds is hashed again, the rest is
// asked for from there, and the last chunk is written only once all of it is known to be right. A file that is shorter
// than the blob is a beginning; one that is as long has been verified by the call that made it so, and is once more here.
import { stat } from "../../ffi/file.ts";
import { ftruncate, pread, pwriteAll } from "../../ffi/positioned_io.ts";
import { backoff, type Clock, DEFAULT_RETRIES, type RetryPolicy, systemClock } from "./clock.ts";
import type { Descriptor } from "./descriptor.ts";
import { shortDigest } from "./digest.ts";
import type { ImageSource } from "./image_source.ts";
import { OciError } from "./oci_error.ts";
import { BlobVerifier, verifiedStream } from "./verified_stream.ts";

export type DownloadOptions = {
  /** Bytes of the blob that are in the file: a resumed download begins with what was there. */
  readonly progress?: ((bytes: number) => void) | undefined;
  readonly retries?: RetryPolicy | undefined;
  readonly clock?: Clock | undefined;
};

const CHUNK = 1 << 18;

/**
 * Fills the file `fd`, open for reading and writing, with the blob. When this returns the file is the blob and nothing
 * else; when it throws {@link OciError} it holds a part of it, for another call to go on, or nothing.
 */
export async function downloadBlob(
  source: Pick<ImageSource, "name" | "blob">,
  descriptor: Descriptor,
  fd: number,
  options: DownloadOptions = {},
): Promise<void> {
  const download = new Download(source, descriptor, fd, options);
  const resumed = await download.begin();
  try {
    await download.complete();
  } catch (error) {
    if (!isContent(error)) throw error;
    download.clear();
    // What an earlier run left may have been damaged since: that is no fault of the source's.
    if (!resumed) throw error;
    await download.complete().catch((again: unknown) => {
      if (isContent(again)) download.clear();
      throw again;
    });
  }
}

function isContent(error: unknown): boolean {
  return error instanceof OciError && error.fault === "content";
}

class Download {
  readonly #source: Pick<ImageSource, "name" | "blob">;
  readonly #descriptor: Descriptor;
  readonly #fd: number;
  readonly #object: string;
  readonly #progress: (bytes: number) => void;
  readonly #retries: RetryPolicy;
  readonly #clock: Clock;
  #verifier: BlobVerifier;
  #whole = false;

  constructor(
    source: Pick<ImageSource, "name" | "blob">,
    descriptor: Descriptor,
    fd: number,
    options: DownloadOptions,
  ) {
    this.#source = source;
    this.#descriptor = descriptor;
    this.#fd = fd;
    this.#object = `the blob ${shortDigest(descriptor.digest)}`;
    this.#progress = options.progress ?? (() => {});
    this.#retries = options.retries ?? DEFAULT_RETRIES;
    this.#clock = options.clock ?? systemClock;
    this.#verifier = this.#newVerifier();
  }

  /** Takes up what the file holds; true when that is something. */
  async begin(): Promise<boolean> {
    const size = stat("", true, this.#fd)?.size ?? 0;
    if (size > this.#descriptor.size) this.clear();
    else if (size === this.#descriptor.size) await this.#verifyWhole();
    else await this.#eatFile(this.#verifier, size);
    return !this.#whole && this.#verifier.length > 0;
  }

  clear(): void {
    ftruncate(this.#fd, this.#object, 0);
    this.#verifier = this.#newVerifier();
  }

  /** Streams the rest, again after each break for as long as there is some progress between them. */
  async complete(): Promise<void> {
    if (this.#whole) return this.#progress(this.#descriptor.size);
    for (let failures = 0; ; ) {
      const before = this.#verifier.length;
      const error = await this.#stream();
      if (error === undefined) return;
      failures = this.#verifier.length > before ? 1 : failures + 1;
      if (failures >= this.#retries.attempts) throw error;
      await this.#clock.sleep(backoff(failures, this.#retries, this.#clock.random));
    }
  }

  /** The error when it is one that a further try may mend. */
  async #stream(): Promise<OciError | undefined> {
    let at = this.#verifier.length;
    this.#progress(at);
    try {
      for await (const chunk of verifiedStream(this.#source.blob(this.#descriptor, at), this.#verifier)) {
        pwriteAll(this.#fd, this.#object, chunk, at);
        at += chunk.length;
        this.#progress(at);
      }
      return undefined;
    } catch (error) {
      if (error instanceof OciError && error.fault === "network") return error;
      throw error;
    }
  }

  async #verifyWhole(): Promise<void> {
    const verifier = this.#newVerifier();
    try {
      await this.#eatFile(verifier, this.#descriptor.size);
      verifier.finish();
      this.#whole = true;
    } catch (error) {
      if (!isContent(error)) throw error;
      this.clear();
    }
  }

  async #eatFile(verifier: BlobVerifier, size: number): Promise<void> {
    const buffer = new Uint8Array(CHUNK);
    for (let at = 0; at < size; ) {
      const length = pread(this.#fd, this.#object, buffer.subarray(0, Math.min(CHUNK, size - at)), at);
      if (length === 0) return;
      verifier.eat(buffer.subarray(0, length));
      at += length;
      // Hundreds of megabytes: let others work in between.
      if (at % (64 * CHUNK) === 0) await new Promise(setImmediate);
    }
  }

  #newVerifier(): BlobVerifier {
    return new BlobVerifier(this.#descriptor, this.#source.name);
  }
}
