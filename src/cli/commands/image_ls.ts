// `sandbox image ls`.
import { diskUsage } from "../../../rootfs-builder/store/disk_usage.ts";
import { listImages } from "../../../rootfs-builder/store/images.ts";
import { ageText, sizeText } from "../amounts.ts";
import type { Parsed } from "../command.ts";
import { onStore } from "../on_store.ts";
import { print } from "../print.ts";
import { printJson } from "../print_json.ts";
import { coloursOn } from "../say.ts";
import { shownName } from "../stored_image.ts";
import { type Column, tableText } from "../table_text.ts";

type Row = {
  readonly name: string;
  readonly digest: string;
  /** Milliseconds since 1970. */
  readonly stored: number;
  readonly layers: number;
  /** Bytes: of the unpacked layers, and of the layers as they were sent. */
  readonly disk: number;
  readonly size: number;
  readonly inUse: boolean;
};

export async function imageLs(parsed: Parsed): Promise<number> {
  const rows = await onStore(parsed, "list", "the images", async ({ store, jobs }) => {
    const { images } = await diskUsage(store, jobs.run);
    const usage = new Map(images.map((image) => [image.manifest, image]));
    return listImages(store).map(
      ({ name, manifest, layers, stored }): Row => ({
        name: shownName(name),
        digest: manifest.digest,
        stored,
        layers: layers.length,
        disk: usage.get(manifest.digest)?.disk ?? 0,
        size: layers.reduce((sum, { size }) => sum + size, 0),
        inUse: usage.get(manifest.digest)?.inUse ?? false,
      }),
    );
  });
  if (parsed.switches.has("--json")) return printJson(rows);
  if (parsed.switches.has("--quiet")) print(rows.map(({ name }) => `${name}\n`).join(""));
  else print(tableText(COLUMNS, rows, coloursOn(1, process.env)));
  return 0;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "NAME", cell: ({ name }) => name },
  { title: "DIGEST", cell: ({ digest }) => digest.slice(digest.indexOf(":") + 1).slice(0, 12) },
  { title: "STORED", cell: ({ stored }) => ageText(stored, Date.now()) },
  { title: "LAYERS", cell: ({ layers }) => String(layers), right: true },
  { title: "SIZE", cell: ({ disk }) => sizeText(disk), right: true },
  { title: "STATE", cell: ({ inUse }) => (inUse ? "in use" : "") },
];
