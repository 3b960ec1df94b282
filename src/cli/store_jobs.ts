// Does the store's jobs where the files are: in this process, or as root inside a user namespace with the caller's ids.

import { RootfsError } from "../../rootfs-builder/rootfs_error.ts";
import type { Job, JobResults, RunJob } from "../../rootfs-builder/store/job.ts";
import { descriptorsOf, encodeJob, takeOutcome } from "../../rootfs-builder/store/job_message.ts";
import type { Ownership } from "../../rootfs-builder/store/layout.ts";
import { runJobs } from "../../rootfs-builder/store/run_jobs.ts";
import { subordinateRanges } from "../host/subordinate_ranges.ts";
import type { AsRootOptions } from "../launch/run_as_root.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import { mapText } from "./map_text.ts";
import { spread } from "./run_ids.ts";

type Maps = AsRootOptions["maps"];
type Program = Pick<AsRootOptions, "argv" | "program">;

const SELF: Program = { argv: ["sandbox", "internal-store"] };

export type StoreJobs = {
  readonly run: RunJob;
  /** The form that new layers get: `single` unless a range can be mapped and is wanted. */
  readonly ownership: Ownership;
};

/** `wanted` as --userns; `auto` takes a range where there is one. Throws RootfsError where a range is asked for and cannot be had. */
export function storeJobs(
  { uid, gid, env }: Pick<HostLookups, "uid" | "gid" | "env">,
  wanted: "auto" | "single" | "range",
  program: Program = SELF,
): StoreJobs {
  const ranges = subordinateRanges(uid, env.PATH);
  if (typeof ranges === "string") {
    if (wanted === "range")
      throw new RootfsError("map", "a range of ids", ranges, "sandbox doctor tells the mend; or --userns single");
    return { run: runJobs(undefined), ownership: { kind: "single" } };
  }
  const maps = { uid: spread(0, uid, ranges.uids), gid: spread(0, gid, ranges.gids) };
  const run = runJobs(asRoot(maps, env.PATH ?? "", program));
  return { run, ownership: wanted === "single" ? { kind: "single" } : { kind: "range", map: mapText(maps) } };
}

function asRoot(maps: Maps, hostPath: string, program: Program): RunJob {
  return async <J extends Job>(job: J, locks: readonly number[] = []): Promise<JobResults[J["kind"]]> => {
    const { runAsRoot } = await import("../launch/run_as_root.ts");
    const result = await runAsRoot({
      ...program,
      maps,
      message: encodeJob(job),
      keep: [...descriptorsOf(job), ...locks],
      hostPath,
    });
    if (result.kind === "answered") return takeOutcome(result.answer) as JobResults[J["kind"]];
    const { kind, ...rest } = result;
    throw new RootfsError(
      "work as root inside a user namespace on",
      "the store",
      kind === "helper" ? `${result.program}: ${result.message}` : `${kind}: ${JSON.stringify(rest)}`,
      "sandbox doctor tells what is missing; without a range: --userns single",
    );
  };
}
