// Where a job is done: here, unless the files may belong to subordinate ids, which only root inside a namespace can touch.
import { ERRNO } from "../../ffi/errno.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { RootfsError } from "../rootfs_error.ts";
import type { Job, JobResults, RunJob } from "./job.ts";
import { performJob } from "./perform_job.ts";

/**
 * `asRoot` does a job as root inside a user namespace with all of the caller's ids; where there is none, `undefined`.
 * What needs it and cannot have it throws {@link RootfsError}.
 */
export function runJobs(asRoot: RunJob | undefined): RunJob {
  return async <J extends Job>(job: J, locks: readonly number[] = []): Promise<JobResults[J["kind"]]> => {
    if (needsRange(job)) {
      if (asRoot === undefined) throw noRange();
      return await asRoot(job, locks);
    }
    // Half a copy made here could not be gone on with there; nor half an archive, which moreover tells the owners as they are there.
    if (asRoot !== undefined && (job.kind === "copy" || job.kind === "pack")) return await asRoot(job, locks);
    try {
      return await performJob(job);
    } catch (error) {
      if (asRoot === undefined || job.kind === "unpack" || job.kind === "archive" || !isDenied(error)) throw error;
      return await asRoot(job, locks);
    }
  };
}

function needsRange(job: Job): boolean {
  const owned = job.kind === "unpack" || job.kind === "verify" || job.kind === "archive";
  return owned && job.ownership === "set";
}

/** What the kernel answers to an owner's call by another. */
function isDenied(error: unknown): boolean {
  return error instanceof SyscallError && (error.errno === ERRNO.EACCES || error.errno === ERRNO.EPERM);
}

function noRange(): RootfsError {
  return new RootfsError(
    "use",
    "files of subordinate ids",
    "no range of ids can be mapped for this user",
    "sandbox doctor tells what is missing (newuidmap, /etc/subuid); without a range: --userns single",
  );
}
