// What a recipe begins with, as an image of the store and as a key: an image as it is; an Alpine release or a tar file packed as an image
// of one layer.
import { dirname } from "node:path";
import { ensureRootfs, type RootfsSource } from "../../../rootfs-builder/ensure_rootfs.ts";
import { machinePlatform } from "../../../rootfs-builder/oci/platform.ts";
import { buildStage, findStage, type StageOptions } from "../../../rootfs-builder/recipe/build_stage.ts";
import { type StageKey, stageKey } from "../../../rootfs-builder/recipe/stage_key.ts";
import type { ImageRecord } from "../../../rootfs-builder/store/images.ts";
import { requestFault } from "../../base/fault.ts";
import { type Context, recordOf } from "../find_image.ts";
import { rootfsOptions, sourceOf } from "../find_rootfs.ts";
import type { Recipe } from "./recipe.ts";

export type BaseStage = { readonly key: StageKey; readonly record: () => Promise<ImageRecord> };

/** `path` is the recipe's. Ids are kept in one form of owners and lost in the other, so that form is a part of the key. */
export async function baseStage(
  { from }: Recipe,
  path: string,
  context: Context,
  options: StageOptions,
): Promise<BaseStage> {
  const lookups = { ...context.lookups, cwd: dirname(path) };
  const source = sourceOf(from, lookups);
  const form = context.jobs.ownership.kind;
  switch (source.kind) {
    case "image": {
      const record = await recordOf(source.source, { ...context, lookups });
      const parts = [record.config.digest, ...record.layers.map(({ diffID }) => diffID)];
      return { key: stageKey("", ["image", form, ...parts]), record: async () => record };
    }
    case "alpine":
    case "tar":
      return await treeStage(source, from, context, options);
    default:
      throw requestFault(
        `Cannot begin with ${from}`,
        source.kind === "folder" ? "a folder has no digest to be told by" : "it is a recipe itself",
        source.kind === "folder" ? `pack it first: tar -C ${from} -cf base.tar .` : "name what that one begins with",
      );
  }
}

async function treeStage(
  source: RootfsSource,
  from: string,
  { store, jobs, parsed, lookups }: Context,
  options: StageOptions,
): Promise<BaseStage> {
  const { path, lock, name, tree } = await ensureRootfs(source, rootfsOptions(store, jobs, parsed, lookups));
  const key = stageKey("", ["tree", tree]);
  const record = async (): Promise<ImageRecord> => {
    const { os, architecture } = machinePlatform();
    const base = { layers: [], config: { architecture, os } };
    const stage = { key, base, createdBy: `sandbox image build: from ${name}`, object: from };
    const made = { path, whiteouts: "plain" } as const;
    return findStage(key, options) ?? (await buildStage(stage, { ...options, anew: false }, async () => made));
  };
  // Held until the process ends: its tree is the base of what is built.
  lock.release();
  return { key, record };
}
