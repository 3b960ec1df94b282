// `sandbox system prune`.
import { prune } from "../../../rootfs-builder/store/prune.ts";
import type { Parsed } from "../command.ts";
import { onStore } from "../on_store.ts";
import { printPruned } from "../print_pruned.ts";

export async function systemPrune(parsed: Parsed): Promise<number> {
  const all = parsed.switches.has("--all");
  const dryRun = parsed.switches.has("--dry-run");
  const pruned = await onStore(parsed, "prune", "the store", ({ store, jobs }) =>
    prune({
      store,
      run: jobs.run,
      now: Date.now(),
      grace: 0,
      images: all ? "unused" : "keep",
      rootfs: all ? "drop" : "keep",
      layerBlobs: parsed.switches.has("--layer-blobs") ? "drop" : "keep",
      partials: all ? "drop" : "keep",
      dryRun,
    }),
  );
  return printPruned(pruned, { json: parsed.switches.has("--json"), dryRun });
}
