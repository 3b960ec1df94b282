// `sandbox image rm IMAGE...`: names first, all or none; then what nothing leads to any more.
import { collect } from "../../../rootfs-builder/store/gc.ts";
import { removeImages } from "../../../rootfs-builder/store/inspect_image.ts";
import { sizeText } from "../amounts.ts";
import type { Parsed } from "../command.ts";
import { onStore } from "../on_store.ts";
import { print } from "../print.ts";
import { shownName, storedImage } from "../stored_image.ts";

export async function imageRm(parsed: Parsed): Promise<number> {
  return await onStore(parsed, "remove", "the images", async (context) => {
    const { store, jobs } = context;
    const names = [...new Set(parsed.positionals.map((text) => storedImage(text, context).name))];
    const removed = await removeImages(store, names);
    for (const { name } of removed) print(`Removed ${shownName(name)}\n`);
    const { freed } = await collect({
      store,
      run: jobs.run,
      now: Date.now(),
      grace: 0,
      rootfs: "keep",
      layerBlobs: "keep",
      partials: "keep",
      dryRun: false,
    });
    print(`Freed ${sizeText(freed)}\n`);
    return 0;
  });
}
