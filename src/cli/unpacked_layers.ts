// The layers of an image in the store, unpacked and in use until they are given back.
import { restoreLayers } from "../../rootfs-builder/restore_layers.ts";
import { RootfsError } from "../../rootfs-builder/rootfs_error.ts";
import type { ImageRecord } from "../../rootfs-builder/store/images.ts";
import { type ImageInUse, useLayers } from "../../rootfs-builder/store/use_image.ts";
import type { Parsed } from "./command.ts";
import type { StoreContext } from "./on_store.ts";
import { pullOptions } from "./pull_from.ts";
import { quietly } from "./quietly.ts";

export type UnpackedLayers = Pick<ImageInUse, "record" | "keys"> &
  Disposable & {
    /** Absolute paths of their trees, the lowest first. */
    readonly roots: readonly string[];
  };

/** In the form of owners that runs use; made of the bytes as they were sent where they are not there. */
export async function unpackedLayers(
  record: ImageRecord,
  { store, jobs, lookups }: StoreContext,
  parsed: Parsed,
): Promise<UnpackedLayers> {
  const found = useLayers(store, record, jobs.ownership);
  if (found) return disposable(found);
  await restoreLayers(record, quietly(parsed, pullOptions(store, jobs, lookups)));
  const made = useLayers(store, record, jobs.ownership);
  if (made) return disposable(made);
  throw new RootfsError("use", record.name, "its layers were removed meanwhile", "Run again");
}

function disposable({ record, keys, roots, locks }: ImageInUse): UnpackedLayers {
  return {
    record,
    keys,
    roots,
    [Symbol.dispose]: () => {
      for (const lock of locks) lock.close();
    },
  };
}
