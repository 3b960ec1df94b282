// An open file as a stream.
import { read } from "../../ffi/file.ts";
import { rewind } from "../../ffi/path_at.ts";

const CHUNK = 1 << 18;

/** The file from its start, whatever has been read of it. */
export async function* fileChunks(fd: number, object: string): AsyncGenerator<Uint8Array, void, void> {
  rewind(fd, object);
  for (;;) {
    const chunk = new Uint8Array(CHUNK);
    const length = read(fd, object, chunk);
    if (length === 0) return;
    yield chunk.subarray(0, length);
  }
}
