// Compression is told by the first bytes, never by the file's name. What comes out is counted, and set against what went
// in: the size of a compressed archive says nothing of what it unpacks to, and one of a few kilobytes can fill a disk.
//
// node:zlib decompresses on a thread of its own, a chunk of output ahead of us: while an entry is written here, the next
// ones are inflated there. Chunks of 512 KiB make that 1.4 times as fast as Bun's DecompressionStream (1.4.5). Its gunzip
// reads concatenated members and reports a cut; what it keeps silent about is looked at here and in zstd_frames.ts.
import type { Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { TarError } from "./tar_error.ts";
import { unxz } from "./xz.ts";
import { ZstdFrames } from "./zstd_frames.ts";

export type Compression = "none" | "gzip" | "zstd" | "xz";

export type DecompressLimits = {
  /** Most bytes to come out. */
  readonly bytes: number;
  /** Most bytes to come out for each one that goes in, once {@link RATIO_FROM} are out. */
  readonly ratio?: number | undefined;
};

/** A small archive of zeros is no bomb. In bytes. */
export const RATIO_FROM = 1 << 26;
const MAGIC_LENGTH = 6;
const CHUNK = 1 << 19;
/** How far the decompressor may be ahead of the writer, and the source ahead of it. In bytes. */
const AHEAD = 1 << 21;

type Magic = { readonly bytes: readonly number[]; readonly mask?: readonly number[]; readonly format: string };

// gzip: RFC 1952 section 2.3.1. zstd: RFC 8878 sections 3.1.1 and 3.1.2 (a skippable frame may come first).
const MAGICS: readonly Magic[] = [
  { format: "gzip", bytes: [0x1f, 0x8b] },
  { format: "zstd", bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { format: "zstd", bytes: [0x50, 0x2a, 0x4d, 0x18], mask: [0xf0, 0xff, 0xff, 0xff] },
  { format: "xz", bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { format: "bzip2", bytes: [0x42, 0x5a, 0x68] },
  { format: "lz4", bytes: [0x04, 0x22, 0x4d, 0x18] },
  { format: "zip", bytes: [0x50, 0x4b, 0x03, 0x04] },
];
const MENDS: Readonly<Record<string, string>> = {
  bzip2: "; unpack it with bzip2 -d first",
  lz4: "; unpack it with lz4 -d first",
};

/**
 * The bytes of `source`, decompressed when they are gzip, zstd or xz. Throws {@link TarError} for other compressions, for
 * damaged or cut input, for what follows it (zeros after gzip are padding), and beyond the limits. Errors of `source`
 * itself pass through. A chunk is there until the next one is asked for.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  limits: DecompressLimits,
): AsyncGenerator<Uint8Array, void, void> {
  const iterator = source[Symbol.asyncIterator]();
  const { head, ended } = await readHead(iterator);
  const input = new Input(ended ? chunks(head) : chain(head, iterator));
  const compression = compressionOf(head);
  let total = 0;
  for await (const chunk of decompressed(input, compression, () => total)) {
    total += chunk.length;
    checkLimits(limits, input.total, total);
    yield chunk;
  }
}

/** By the first 6 bytes. Throws {@link TarError} for a format that is known and not supported. */
export function compressionOf(head: Uint8Array): Compression {
  const found = MAGICS.find((magic) => matches(head, magic))?.format ?? "none";
  if (found === "none" || found === "gzip" || found === "zstd" || found === "xz") return found;
  throw new TarError(`it is a ${found} file; tar files may be plain, gzip, zstd or xz${MENDS[found] ?? ""}`, 0);
}

async function* decompressed(
  input: Input,
  compression: Compression,
  offset: () => number,
): AsyncGenerator<Uint8Array, void, void> {
  if (compression === "none") return yield* input.chunks();
  if (compression !== "xz") return yield* inflate(input, compression, offset);
  try {
    yield* unxz(input.chunks(), offset);
  } catch (error) {
    throw input.error ?? error;
  }
}

function checkLimits({ bytes, ratio }: DecompressLimits, input: number, output: number): void {
  if (output > bytes) throw new TarError(`it unpacks to more than the limit of ${bytes} bytes`, output);
  if (ratio !== undefined && output > RATIO_FROM && output > ratio * input)
    throw new TarError(`it unpacks to more than the limit of ${ratio} bytes for each of its own`, output);
}

function matches(head: Uint8Array, { bytes, mask }: Magic): boolean {
  return bytes.every((byte, at) => ((head[at] ?? 0) & (mask?.[at] ?? 0xff)) === byte) && head.length >= bytes.length;
}

async function readHead(input: AsyncIterator<Uint8Array>): Promise<{ head: Uint8Array; ended: boolean }> {
  let head = new Uint8Array();
  while (head.length < MAGIC_LENGTH) {
    const next = await input.next();
    if (next.done) return { head, ended: true };
    head = concat(head, next.value);
  }
  return { head, ended: false };
}

async function* inflate(
  input: Input,
  format: "gzip" | "zstd",
  offset: () => number,
): AsyncGenerator<Uint8Array, void, void> {
  const options = { chunkSize: CHUNK, highWaterMark: AHEAD };
  const engine = format === "gzip" ? createGunzip(options) : createZstdDecompress(options);
  const frames = format === "zstd" ? new ZstdFrames() : undefined;
  const feeding = feed(engine, input, frames);
  try {
    for await (const chunk of engine) {
      yield chunk;
      release(chunk);
    }
  } catch (error) {
    if (input.error !== undefined) throw input.error;
    if (error instanceof TarError) throw error;
    throw new TarError(`the ${format} data is damaged or cut off (${(error as Error).message})`, offset());
  } finally {
    engine.destroy();
    await feeding;
  }
  if (input.error !== undefined) throw input.error;
  frames?.end();
  if (format === "gzip" && input.lastNonZero > engine.bytesWritten)
    throw new TarError("the gzip data is followed by something else", offset());
}

/**
 * Gives the memory of a chunk back at once, where the engine has filled it to the end: the next one gets it. Left to the collector, they pile up.
 */
function release({ buffer, byteOffset, length }: Uint8Array<ArrayBuffer>): void {
  if (buffer.byteLength === CHUNK && byteOffset + length === CHUNK) buffer.transfer(0);
}

/** Never throws: errors go to whoever reads the engine. */
async function feed(engine: Transform, input: Input, frames: ZstdFrames | undefined): Promise<void> {
  try {
    for await (const chunk of input.chunks()) {
      if (engine.destroyed && !engine.readableEnded) return;
      frames?.push(chunk);
      // gunzip ends by itself where no further member begins; what comes then is only looked at.
      if (!engine.readableEnded && !engine.write(chunk)) await room(engine);
    }
    engine.end();
  } catch (error) {
    engine.destroy(error as Error);
  }
}

/** Waits until the engine takes more, or no more at all. */
function room(engine: Transform): Promise<void> {
  return new Promise((resolve) => {
    const events = ["drain", "end", "close"] as const;
    const settle = (): void => {
      for (const event of events) engine.off(event, settle);
      resolve();
    };
    for (const event of events) engine.on(event, settle);
  });
}

/** The compressed bytes, counted; tells the source's errors from those of the decompressor behind it. */
class Input {
  total = 0;
  /** Bytes up to the last one that is not zero. */
  lastNonZero = 0;
  error: unknown;
  readonly #source: AsyncIterable<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, void> {
    const source = this.#source[Symbol.asyncIterator]();
    try {
      for (let next = await this.#next(source); !next.done; next = await this.#next(source)) {
        this.#count(next.value);
        yield next.value;
      }
    } finally {
      await source.return?.();
    }
  }

  async #next(source: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    try {
      return await source.next();
    } catch (error) {
      this.error = error;
      throw error;
    }
  }

  #count(chunk: Uint8Array): void {
    let end = chunk.length;
    while (end > 0 && chunk[end - 1] === 0) end--;
    if (end > 0) this.lastNonZero = this.total + end;
    this.total += chunk.length;
  }
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  if (bytes.length > 0) yield bytes;
}

async function* chain(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield head;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
