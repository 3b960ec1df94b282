// Follows the frames of zstd data as it goes by: RFC 8878, section 3.1. Bun's decompressor (1.4.5) says nothing when its
// input ends within a frame, or when what follows the last one is none; an archive cut off there would look whole to a
// reader that has seen its end.
import { TarError } from "./tar_error.ts";

const MAGIC = 0xfd2fb528;
/** The low four bits are free. */
const SKIPPABLE = 0x184d2a5;
const DICTIONARY_ID = [0, 1, 2, 4] as const;
const CONTENT_SIZE = [0, 2, 4, 8] as const;
const BLOCK_RLE = 1;
const BLOCK_RESERVED = 3;

type Expected = "magic" | "skippable size" | "descriptor" | "block";

export class ZstdFrames {
  /** What the next bytes are, once `#skip` ones have gone by. */
  #expected: Expected = "magic";
  #skip = 0;
  #checksum = false;
  #value = 0;
  #filled = 0;
  #offset = 0;

  /** Throws {@link TarError} where a frame must begin and does not. */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const skipped = Math.min(this.#skip, chunk.length - at);
      this.#skip -= skipped;
      at += skipped;
      if (at < chunk.length) this.#take(chunk[at++] ?? 0, this.#offset + at);
    }
    this.#offset += chunk.length;
  }

  /** Throws {@link TarError} unless the input ended where a frame does. */
  end(): void {
    if (this.#expected !== "magic" || this.#skip > 0 || this.#filled > 0)
      throw new TarError("the zstd data is cut off", this.#offset);
  }

  /** One more byte of the little-endian number that is expected. */
  #take(byte: number, offset: number): void {
    this.#value += byte * 256 ** this.#filled++;
    if (this.#filled < WIDTHS[this.#expected]) return;
    const value = this.#value;
    this.#value = 0;
    this.#filled = 0;
    switch (this.#expected) {
      case "magic":
        return this.#magic(value, offset);
      case "skippable size":
        return this.#goOn("magic", value);
      case "descriptor":
        return this.#descriptor(value);
      case "block":
        return this.#block(value, offset);
    }
  }

  #magic(value: number, offset: number): void {
    if (value === MAGIC) return this.#goOn("descriptor", 0);
    if (value >>> 4 === SKIPPABLE) return this.#goOn("skippable size", 0);
    throw new TarError("the zstd data is followed by something else", offset);
  }

  /** Section 3.1.1.1: what follows is the window, the dictionary's id and the content's size, each if there is one. */
  #descriptor(value: number): void {
    const single = (value & 0x20) !== 0;
    const size = value >>> 6 === 0 && single ? 1 : (CONTENT_SIZE[value >>> 6] ?? 0);
    this.#checksum = (value & 4) !== 0;
    this.#goOn("block", (single ? 0 : 1) + (DICTIONARY_ID[value & 3] ?? 0) + size);
  }

  #block(value: number, offset: number): void {
    const type = (value >>> 1) & 3;
    if (type === BLOCK_RESERVED) throw new TarError("the zstd data is damaged", offset);
    const last = (value & 1) !== 0;
    const length = type === BLOCK_RLE ? 1 : value >>> 3;
    this.#goOn(last ? "magic" : "block", length + (last && this.#checksum ? 4 : 0));
  }

  #goOn(expected: Expected, skip: number): void {
    this.#expected = expected;
    this.#skip = skip;
  }
}

/** In bytes. */
const WIDTHS: Readonly<Record<Expected, number>> = { magic: 4, "skippable size": 4, descriptor: 1, block: 3 };
