// What scripts/bench_unpack.mjs compiles and times: unpack ARCHIVE FOLDER. The extraction alone, with nothing of a store.
import { O_DIRECTORY, O_RDONLY, open, read } from "../../ffi/file.ts";
import { extract } from "../../rootfs-builder/tar/extract.ts";

const CHUNK = 1 << 20;

async function* chunksOf(fd: number, path: string): AsyncGenerator<Uint8Array, void, void> {
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const length = read(fd, path, chunk);
    if (length === 0) return;
    yield chunk.subarray(0, length);
  }
}

async function unpack(archive: string, folder: string): Promise<void> {
  using file = open(archive, O_RDONLY);
  using root = open(folder, O_RDONLY | O_DIRECTORY);
  await extract(chunksOf(file.number, archive), root.number);
}

const [archive = "", folder = ""] = process.argv.slice(2);
// Not awaited here: bytecode has no top-level await. A rejection ends the program with its message.
unpack(archive, folder);
