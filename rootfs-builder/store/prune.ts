// What `system prune` does: names that are not wanted any more are taken away, and then everything that nothing leads to.

import { isStageName } from "../recipe/stage_key.ts";
import { type Collected, type CollectOptions, collect } from "./gc.ts";
import { changingImages, type ImageRecord, listImages, removeRecordFile } from "./images.ts";
import { isInUse } from "./in_use.ts";
import { storedLayers } from "./inventory.ts";
import { diffIDOf, imagePath } from "./layout.ts";

export type PruneOptions = CollectOptions & {
  /** `unused`: every image that no sandbox runs in. `keep`: only steps of recipes that nobody has used for a week, and what has no name. */
  readonly images: "keep" | "unused";
};

export type Pruned = Collected & { readonly images: readonly string[] };

/** A step of a recipe is made anew where it is wanted, so its name alone keeps it this long after its last use. In milliseconds. */
const STEPS_KEPT = 7 * 24 * 3600 * 1000;

export async function prune(options: PruneOptions): Promise<Pruned> {
  const images = await untagUnused(options);
  return { ...(await collect({ ...options, without: images })), images };
}

async function untagUnused({ store, now, grace, dryRun, images }: PruneOptions): Promise<readonly string[]> {
  const keptFor = (name: string): number => {
    if (images === "unused") return grace;
    return isStageName(name) ? Math.max(grace, STEPS_KEPT) : Number.POSITIVE_INFINITY;
  };
  return await changingImages(store, () => {
    const unused = listImages(store).filter(
      (image) => now - image.stored >= keptFor(image.name) && !isImageInUse(store, image),
    );
    for (const { name } of unused) if (!dryRun) removeRecordFile(imagePath(store, name));
    return unused.map(({ name }) => name);
  });
}

/** A sandbox in an image holds all its layers; the topmost is the one that others share least. */
export function isImageInUse(store: string, { layers }: ImageRecord): boolean {
  const top = layers.at(-1)?.diffID;
  return storedLayers(store).some((key) => diffIDOf(key) === top && isInUse(`${store}/layers/${key}`));
}
