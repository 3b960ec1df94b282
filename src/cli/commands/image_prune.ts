// `sandbox image prune`.
import { prune } from "../../../rootfs-builder/store/prune.ts";
import type { Parsed } from "../command.ts";
import { onStore } from "../on_store.ts";
import { printPruned } from "../print_pruned.ts";

export async function imagePrune(parsed: Parsed): Promise<number> {
  const dryRun = parsed.switches.has("--dry-run");
  const images = parsed.switches.has("--all") ? "unused" : "keep";
  const pruned = await onStore(parsed, "prune", "the images", ({ store, jobs }) =>
    prune({
      store,
      run: jobs.run,
      now: Date.now(),
      grace: 0,
      images,
      rootfs: "keep",
      layerBlobs: "keep",
      partials: "keep",
      dryRun,
    }),
  );
  return printPruned(pruned, { json: parsed.switches.has("--json"), dryRun });
}
