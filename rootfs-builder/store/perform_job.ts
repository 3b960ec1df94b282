// Does a job (job.ts) in this process.

import { compareTrees } from "./compare_trees.ts";
import { copyTree } from "./copy_tree.ts";
import type { Job, JobResults, RunJob } from "./job.ts";
import { measureTree } from "./measure_tree.ts";
import { removeTree } from "./remove_tree.ts";
import { verifyTree } from "./tree_file.ts";

/** Throws TarError for what is wrong with an archive, SyscallError for what the machine refuses. */
export const performJob: RunJob = async <J extends Job>(job: J) => (await perform(job)) as JobResults[J["kind"]];

async function perform(job: Job): Promise<JobResults[Job["kind"]]> {
  switch (job.kind) {
    case "unpack":
      return await (await import("./unpack.ts")).unpack(job);
    case "remove":
      removeTree(job.folder, new TextEncoder().encode(job.name));
      return null;
    case "verify":
      return verifyTree(job.folder);
    case "measure":
      return measureTree(job.root);
    case "copy":
      return copyTree(job.from, job.to);
    case "pack":
      return await (await import("./pack.ts")).pack(job);
    case "compare":
      return compareTrees(job.upper, job.bases);
    case "archive":
      return await (await import("./archive_trees.ts")).archiveTrees(job);
  }
}
