// xz by WebAssembly (xz-decompress, made of xz-embedded): Bun has none, and there is no other small library that is kept.
// It reads streams one after another with padding between, checks CRC32 and CRC64, and reports a cut; it has no filters
// but LZMA2. Loaded when an archive is xz. It runs on our own thread, so nothing overlaps, at about 40 MB a second.
import { TarError } from "./tar_error.ts";

/** xz_ret of xz-embedded: a filter or a check that it does not have; a dictionary that is larger than it may hold. */
const UNSUPPORTED = [3, 4, 6];

/** The bytes of `input`, decompressed. Errors of `input` come out as {@link TarError} too: the caller knows those. */
export async function* unxz(
  input: AsyncGenerator<Uint8Array, void, void>,
  offset: () => number,
): AsyncGenerator<Uint8Array, void, void> {
  const { XzReadableStream } = await import("xz-decompress");
  const source = new ReadableStream<Uint8Array>({
    pull: async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      const next = await input.next();
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    cancel: async () => {
      await input.return();
    },
  });
  const reader = new XzReadableStream(source).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } catch (error) {
    throw explained(error, offset());
  } finally {
    await reader.cancel().catch(() => {});
    await input.return();
  }
}

function explained(error: unknown, offset: number): TarError {
  const message = error instanceof Error ? error.message : String(error);
  const code = Number(/error code (\d+)/.exec(message)?.[1]);
  if (UNSUPPORTED.includes(code))
    return new TarError("the xz data has a filter or check that is not supported; unpack it with xz -d first", offset);
  return new TarError(`the xz data is damaged or cut off (${message})`, offset);
}
