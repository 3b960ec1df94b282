// What a prune has removed, or would.
import type { Pruned } from "../../rootfs-builder/store/prune.ts";
import { sizeText } from "./amounts.ts";
import { print } from "./print.ts";
import { printJson } from "./print_json.ts";
import { shownName } from "./stored_image.ts";
import { visible } from "./visible.ts";

/** Always 0, the exit code. */
export function printPruned(
  pruned: Pruned,
  { json, dryRun }: { readonly json: boolean; readonly dryRun: boolean },
): number {
  if (json) return printJson(pruned);
  const { images, layers, rootfs, blobs, partials, garbage, freed } = pruned;
  const named: readonly (readonly [string, readonly string[]])[] = [
    ["image", images.map(shownName)],
    ["layer", layers.map(shortened)],
    ["root file system", rootfs.map(shortened)],
  ];
  const counted: readonly (readonly [string, number])[] = [
    ["blobs", blobs.length],
    ["beginnings of downloads", partials.length],
    ["left-overs of killed processes", garbage.length],
  ];
  const lines = [
    ...named.flatMap(([kind, names]) => names.map((name) => `${kind} ${visible(name)}`)),
    ...counted.flatMap(([kind, count]) => (count > 0 ? [`${count} ${kind}`] : [])),
  ];
  print(lines.map((line) => `${dryRun ? "Would remove" : "Removed"} ${line}\n`).join(""));
  print(`${dryRun ? "It would free" : "Freed"} ${sizeText(freed)}\n`);
  return 0;
}

/** Enough of a digest to tell it from others. */
function shortened(key: string): string {
  return key.slice(0, key.indexOf("-") + 13);
}
