// A tree into an archive, its content hashed on the way: what comes out is a layer as it would be sent, and its diffID (OCI image-spec,
// config.md "Layer DiffID": the digest of the tar file before any compression).
import { writeAll } from "../../ffi/file.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { readTree } from "../tar/tree_reader.ts";
import { writeTar } from "../tar/writer.ts";
import type { Job, JobResults } from "./job.ts";

/** Small writes would be a system call for each header of 512 bytes. */
const GATHERED = 1 << 20;

export async function pack({
  root,
  archive,
  whiteouts,
  object,
}: Extract<Job, { kind: "pack" }>): Promise<JobResults["pack"]> {
  const hasher = new Bun.CryptoHasher("sha256");
  let size = 0;
  for await (const bytes of gathered(writeTar(readTree(root, { whiteouts, ...ownerFor() })))) {
    hasher.update(bytes);
    writeAll(archive, object, bytes);
    size += bytes.length;
  }
  return { diffID: `sha256:${hasher.digest("hex")}`, size };
}

/** Where this is not root, be it of a namespace, all that it can have made is its own and stands for root's. */
function ownerFor(): { readonly owner?: { readonly uid: number; readonly gid: number } } {
  return rawSyscall("geteuid") === 0 ? {} : { owner: { uid: 0, gid: 0 } };
}

async function* gathered(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const buffer = new Uint8Array(GATHERED);
  let used = 0;
  for await (const chunk of source) {
    if (used + chunk.length > GATHERED && used > 0) {
      yield buffer.subarray(0, used);
      used = 0;
    }
    if (chunk.length > GATHERED) yield chunk;
    else {
      buffer.set(chunk, used);
      used += chunk.length;
    }
  }
  if (used > 0) yield buffer.subarray(0, used);
}
