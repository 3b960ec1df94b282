// Layers as one tar file, hashed while it is written: for export, and for the layer of a commit.
import { writeAll } from "../../ffi/file.ts";
import { readTree } from "../tar/tree_reader.ts";
import { writeTar } from "../tar/writer.ts";
import type { Job, JobResults } from "./job.ts";

/** Whose a file is that belongs to the caller of a sandbox with one id: inside, that is root. */
const ROOT = { uid: 0, gid: 0 };

export async function archiveTrees(job: Extract<Job, { kind: "archive" }>): Promise<JobResults["archive"]> {
  const [top, ...below] = job.trees;
  if (top === undefined) throw new RangeError("there is no tree to archive");
  const overlay = job.whiteouts === "overlay";
  const entries = readTree(top, {
    ...(overlay ? { whiteouts: "overlay" } : { below }),
    ...(job.ownership !== "set" && { owner: ROOT }),
  });
  const hasher = new Bun.CryptoHasher("sha256");
  let size = 0;
  for await (const chunk of writeTar(entries)) {
    writeAll(job.output, "the archive", chunk);
    hasher.update(chunk);
    size += chunk.length;
  }
  return { size, sha256: hasher.digest("hex") };
}
