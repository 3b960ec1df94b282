// `sandbox system df`.
import { type DiskUsage, diskUsage } from "../../../rootfs-builder/store/disk_usage.ts";
import { countText, sizeText } from "../amounts.ts";
import type { Parsed } from "../command.ts";
import { onStore } from "../on_store.ts";
import { print } from "../print.ts";
import { printJson } from "../print_json.ts";
import { coloursOn } from "../say.ts";
import { shownName } from "../stored_image.ts";
import { type Column, tableText } from "../table_text.ts";

type Sized = { readonly disk: number; readonly inUse?: boolean; readonly wanted?: boolean };
/** What is `undefined` has no meaning for the kind. */
type Kind = {
  readonly kind: string;
  readonly count: number | undefined;
  readonly inUse: number | undefined;
  readonly disk: number | undefined;
};
type Item = { readonly kind: string; readonly name: string; readonly disk: number; readonly note: string };

export async function systemDf(parsed: Parsed): Promise<number> {
  const usage = await onStore(parsed, "measure", "the store", ({ store, jobs }) => diskUsage(store, jobs.run));
  if (parsed.switches.has("--json")) return printJson(usage);
  const colour = coloursOn(1, process.env);
  if (parsed.switches.has("--verbose")) print(`${tableText(ITEM_COLUMNS, itemsOf(usage), colour)}\n`);
  print(tableText(KIND_COLUMNS, kindsOf(usage), colour));
  print(`\nReclaimable: ${sizeText(usage.reclaimable)}\n`);
  return 0;
}

const KIND_COLUMNS: readonly Column<Kind>[] = [
  { title: "KIND", cell: ({ kind }) => kind },
  { title: "COUNT", cell: ({ count }) => (count === undefined ? "" : String(count)), right: true },
  { title: "IN USE", cell: ({ inUse }) => (inUse === undefined ? "" : String(inUse)), right: true },
  { title: "SIZE", cell: ({ disk }) => (disk === undefined ? "" : sizeText(disk)), right: true },
];

const ITEM_COLUMNS: readonly Column<Item>[] = [
  { title: "KIND", cell: ({ kind }) => kind },
  { title: "NAME", cell: ({ name }) => name },
  { title: "SIZE", cell: ({ disk }) => sizeText(disk), right: true },
  { title: "NOTE", cell: ({ note }) => note },
];

/** Images are their layers, which are counted by themselves: their row has no size of its own. */
function kindsOf(usage: DiskUsage): readonly Kind[] {
  const { images, layers, rootfs, blobs, environments, temporary, total } = usage;
  const snapshots = environments.flatMap((environment) => environment.snapshots);
  const rows = [
    kindOf("layers", layers),
    kindOf("layers as sent, manifests", blobs),
    kindOf("Alpine releases, tar files", rootfs),
    kindOf("environments", environments),
    kindOf("snapshots", snapshots),
  ];
  const used = images.filter(({ inUse }) => inUse).length;
  const rest = temporary.partials + temporary.other;
  return [
    { kind: "images", count: images.length, inUse: used, disk: undefined },
    ...rows,
    { kind: "beginnings of downloads, left-overs", count: undefined, inUse: undefined, disk: rest },
    { kind: "total", count: undefined, inUse: undefined, disk: total },
  ];
}

function kindOf(kind: string, list: readonly Sized[]): Kind {
  const disk = list.reduce((sum, item) => sum + item.disk, 0);
  return { kind, count: list.length, inUse: list.filter(({ inUse }) => inUse === true).length, disk };
}

function itemsOf({ images, layers, rootfs, environments }: DiskUsage): readonly Item[] {
  return [
    ...images.map(({ names, disk, shared, layers: count, inUse }) => ({
      kind: "image",
      name: names.map(shownName).join(", "),
      disk,
      note: [countText(count, "layer"), shared > 0 ? `${sizeText(shared)} shared` : "", used(inUse)]
        .filter(Boolean)
        .join(", "),
    })),
    ...layers.map(({ key, disk, images: count, inUse, wanted }) => ({
      kind: "layer",
      name: shortKey(key),
      disk,
      note: [`of ${countText(count, "image")}`, wanted ? "" : "unwanted", used(inUse)].filter(Boolean).join(", "),
    })),
    ...rootfs.map(({ digest, disk, inUse }) => ({ kind: "rootfs", name: shortKey(digest), disk, note: used(inUse) })),
    ...environments.flatMap(({ name, disk, inUse, snapshots }) => [
      { kind: "environment", name, disk, note: used(inUse) },
      ...snapshots.map((snapshot) => ({
        kind: "snapshot",
        name: `${name}@${snapshot.tag}`,
        disk: snapshot.disk,
        note: "",
      })),
    ]),
  ];
}

function used(inUse: boolean): string {
  return inUse ? "in use" : "";
}

/** `sha256-0123456789ab...-range-...` as `0123456789ab range`. */
function shortKey(key: string): string {
  const [, hex = "", form = ""] = key.split("-");
  return `${hex.slice(0, 12)} ${form}`.trimEnd();
}
