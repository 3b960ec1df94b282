// What every command on the store begins with: where it is, who does its jobs, and how its failures are told.
import { explainFailure } from "../../rootfs-builder/explain_failure.ts";
import { hostLookups } from "../host/read_lookups.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import type { Parsed } from "./command.ts";
import { rootfsFault } from "./rootfs_fault.ts";
import { storeFolder } from "./store_folder.ts";
import { type StoreJobs, storeJobs } from "./store_jobs.ts";

export type StoreContext = {
  readonly store: string;
  readonly jobs: StoreJobs;
  readonly lookups: HostLookups;
};

/** `step` and `object` say what failed where the error itself does not: "list", "the images". Throws {@link FaultError}. */
export async function onStore<T>(
  { values }: Parsed,
  step: string,
  object: string,
  work: (context: StoreContext) => T | Promise<T>,
): Promise<T> {
  const lookups = hostLookups(process.env);
  const store = storeFolder(values.get("--store")?.[0], lookups);
  try {
    return await work({ store, jobs: storeJobs(lookups, "auto"), lookups });
  } catch (error) {
    throw rootfsFault(explainFailure(error, step, object, store));
  }
}
