// An archive into a folder, its content hashed on the way: the diffID of a layer is the digest of the tar file that comes out of
// the decompression (OCI image-spec, config.md "Layer DiffID").
import { decompress } from "../tar/decompress.ts";
import { extract } from "../tar/extract.ts";
import { fileChunks } from "./file_chunks.ts";
import type { Job, JobResults } from "./job.ts";
import { writeTree } from "./tree_file.ts";

export async function unpack(job: Extract<Job, { kind: "unpack" }>): Promise<JobResults["unpack"]> {
  const hasher = new Bun.CryptoHasher(job.algorithm);
  const plain = decompress(fileChunks(job.archive, job.object), job.limits);
  const { devices } = await extract(hashed(plain, hasher), job.root, job);
  const measure = writeTree(job.root, job.tree);
  return { ...measure, diffID: `${job.algorithm}:${hasher.digest("hex")}`, devices: devices.length };
}

async function* hashed(
  source: AsyncIterable<Uint8Array>,
  hasher: Bun.CryptoHasher,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const chunk of source) {
    hasher.update(chunk);
    yield chunk;
  }
}
