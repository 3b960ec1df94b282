// Compression is told by the first bytes, never by the file's name. What comes out is counted: the size of a compressed
// archive says nothing of what it unpacks to, and one of a few kilobytes can fill a disk.
//
// Bun's DecompressionStream reads concatenated members and reports input that ends early; its createZstdDecompress of
// node:zlib does neither (1.4.5).
import { TarError } from "./tar_error.ts";

export type Compression = "none" | "gzip" | "zstd";

const MAGIC_LENGTH = 6;

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

/**
 * The bytes of `source`, decompressed when they are gzip or zstd. Throws {@link TarError} for other compressions, for
 * damaged or cut input, and once more than `limit` bytes have come out. Errors of `source` itself pass through.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  limit: number,
): AsyncGenerator<Uint8Array, void, void> {
  const input = source[Symbol.asyncIterator]();
  const { head, ended } = await readHead(input);
  const whole = ended ? chunks(head) : chain(head, input);
  const compression = compressionOf(head);
  let total = 0;
  for await (const chunk of compression === "none" ? whole : inflate(whole, compression, () => total)) {
    total += chunk.length;
    if (total > limit) throw new TarError(`it unpacks to more than the limit of ${limit} bytes`, total);
    yield chunk;
  }
}

/** By the first 6 bytes. Throws {@link TarError} for a format that is known and not supported. */
export function compressionOf(head: Uint8Array): Compression {
  const found = MAGICS.find((magic) => matches(head, magic))?.format ?? "none";
  if (found === "none" || found === "gzip" || found === "zstd") return found;
  throw new TarError(`it is a ${found} file; tar files may be plain, gzip or zstd`, 0);
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
  source: AsyncIterator<Uint8Array>,
  format: "gzip" | "zstd",
  offset: () => number,
): AsyncGenerator<Uint8Array, void, void> {
  const input = new SourceStream(source);
  const output = input.stream.pipeThrough(
    new DecompressionStream(format) as unknown as ReadableWritablePair<Uint8Array, Uint8Array>,
  );
  try {
    yield* output;
  } catch (error) {
    if (input.error !== undefined) throw input.error;
    throw new TarError(`the ${format} data is damaged or cut off (${(error as Error).message})`, offset());
  }
}

/** As `source`, telling its errors from those of the decompressor behind it. */
class SourceStream {
  readonly stream: ReadableStream<Uint8Array>;
  error: unknown;

  constructor(source: AsyncIterator<Uint8Array>) {
    this.stream = new ReadableStream<Uint8Array>({
      pull: (controller) => this.#pull(source, controller),
      cancel: async () => {
        await source.return?.();
      },
    });
  }

  async #pull(source: AsyncIterator<Uint8Array>, to: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const next = await source.next();
      if (next.done) to.close();
      else to.enqueue(next.value);
    } catch (error) {
      this.error = error;
      to.error(error);
    }
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
