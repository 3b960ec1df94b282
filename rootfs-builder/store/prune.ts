// What `system prune` does: names that are not wanted any more are taken away, and then everything that nothing leads to.

import { type Collected, type CollectOptions, collect } from "./gc.ts";
import { changingImages, type ImageRecord, listImages, removeRecordFile } from "./images.ts";
import { isInUse } from "./in_use.ts";
import { storedLayers } from "./inventory.ts";
import { diffIDOf, imagePath } from "./layout.ts";

export type PruneOptions = CollectOptions & {
  /** `unused`: every image that no sandbox runs in. `keep`: only what has no name goes. */
  readonly images: "keep" | "unused";
};

export type Pruned = Collected & { readonly images: readonly string[] };

export async function prune(options: PruneOptions): Promise<Pruned> {
  const images = options.images === "unused" ? await untagUnused(options) : [];
  return { ...(await collect({ ...options, without: images })), images };
}

async function untagUnused({ store, now, grace, dryRun }: PruneOptions): Promise<readonly string[]> {
  return await changingImages(store, () => {
    const unused = listImages(store).filter((image) => now - image.stored >= grace && !isImageInUse(store, image));
    for (const { name } of unused) if (!dryRun) removeRecordFile(imagePath(store, name));
    return unused.map(({ name }) => name);
  });
}

/** A sandbox in an image holds all its layers; the topmost is the one that others share least. */
export function isImageInUse(store: string, { layers }: ImageRecord): boolean {
  const top = layers.at(-1)?.diffID;
  return storedLayers(store).some((key) => diffIDOf(key) === top && isInUse(`${store}/layers/${key}`));
}
