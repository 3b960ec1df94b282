// --rootfs IMAGE → its layers in the store, pulled when they are not there (--pull), and how the image wants to be run.

import { parseImageConfig } from "../../rootfs-builder/oci/image_config.ts";
import { machinePlatform, parsePlatform } from "../../rootfs-builder/oci/platform.ts";
import { runDefaults } from "../../rootfs-builder/oci/run_defaults.ts";
import type { ImageSourceSpec } from "../../rootfs-builder/oci/source.ts";
import { restoreLayers } from "../../rootfs-builder/restore_layers.ts";
import { findImage as findRecord, type ImageRecord } from "../../rootfs-builder/store/images.ts";
import { type ImageInUse, imageBase, imageConfig, useLayers } from "../../rootfs-builder/store/use_image.ts";
import { requestFault } from "../base/fault.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import type { Parsed } from "./command.ts";
import type { RootFolder } from "./find_rootfs.ts";
import { imageName } from "./image_name.ts";
import { parseChoice } from "./parse/values.ts";
import { pullFrom, pullOptions } from "./pull_from.ts";
import type { StoreJobs } from "./store_jobs.ts";

export type Context = {
  readonly store: string;
  readonly jobs: StoreJobs;
  readonly parsed: Parsed;
  readonly lookups: HostLookups;
};

export async function findImage(source: ImageSourceSpec, context: Context): Promise<RootFolder> {
  return await enterImage(await recordOf(source, context), context);
}

/** An image that the store knows. */
export async function enterImage(record: ImageRecord, context: Context): Promise<RootFolder> {
  const { store, jobs } = context;
  const image = useLayers(store, record, jobs.ownership) ?? (await restored(record, context));
  const config = parseImageConfig(imageConfig(store, record), record.name);
  return {
    layers: [...image.roots].reverse(),
    image: runDefaults(config, record.name),
    keep: image.locks.map((lock) => lock.release()),
    base: imageBase(image),
  };
}

/** What the store knows by that name, or what the source has. A file or folder is always looked at: it may have changed. */
export async function recordOf(source: ImageSourceSpec, context: Context): Promise<ImageRecord> {
  const { store, jobs, parsed, lookups } = context;
  const name = imageName(source, lookups.cwd);
  const pull = parseChoice("--pull", parsed.values.get("--pull")?.[0] ?? "missing", ["missing", "always", "never"]);
  const known = source.kind === "registry" && pull !== "always" ? findRecord(store, name) : undefined;
  if (known) return known;
  if (pull === "never")
    throw requestFault(`Cannot use ${name}`, "the store has no such image", `pull it: sandbox image pull ${name}`);
  const platform = parsed.values.get("--platform")?.[0];
  const { record } = await pullFrom(source, name, {
    ...pullOptions(store, jobs, lookups),
    platform: platform === undefined ? machinePlatform() : parsePlatform(platform),
    insecure: parsed.switches.has("--insecure"),
    lookups,
  });
  return record;
}

/** Layers that were unpacked for another form of owners, made again from the bytes that they came as. */
async function restored(record: ImageRecord, { store, jobs, lookups }: Context): Promise<ImageInUse> {
  await restoreLayers(record, pullOptions(store, jobs, lookups));
  const image = useLayers(store, record, jobs.ownership);
  if (image) return image;
  throw requestFault(`Cannot use ${record.name}`, "its layers were removed meanwhile", "run it again");
}
