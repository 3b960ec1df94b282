// `sandbox image history IMAGE`: the steps of its configuration, each with its layer where it has one.
import { type HistoryEntry, parseImageConfig } from "../../../rootfs-builder/oci/image_config.ts";
import { type InspectedLayer, inspectImage } from "../../../rootfs-builder/store/inspect_image.ts";
import { ageText, sizeText } from "../amounts.ts";
import type { Parsed } from "../command.ts";
import { onStore } from "../on_store.ts";
import { print } from "../print.ts";
import { printJson } from "../print_json.ts";
import { coloursOn } from "../say.ts";
import { storedImage } from "../stored_image.ts";
import { type Column, tableText } from "../table_text.ts";

export type Step = HistoryEntry & { readonly layer: string | undefined; readonly disk: number };

const LONGEST = 60;

export async function imageHistory(parsed: Parsed): Promise<number> {
  const text = parsed.positionals[0] ?? "";
  const steps = await onStore(parsed, "show the history of", text, async (context) => {
    const { store, jobs } = context;
    const { record, configBytes, layers } = await inspectImage(store, storedImage(text, context).name, jobs.run);
    return stepsOf(parseImageConfig(configBytes, record.name).history, layers);
  });
  const newest = [...steps].reverse();
  if (parsed.switches.has("--json")) return printJson(newest);
  print(tableText(columns(parsed.switches.has("--no-trunc")), newest, coloursOn(1, process.env)));
  return 0;
}

/** A history need not tell of all layers (OCI image-spec, config.md): those that are left over come last. */
export function stepsOf(history: readonly HistoryEntry[], layers: readonly InspectedLayer[]): readonly Step[] {
  const rest = [...layers];
  const steps = history.map((entry): Step => ({ ...entry, ...sizeOf(entry.emptyLayer ? undefined : rest.shift()) }));
  const untold = { created: undefined, createdBy: undefined, comment: undefined, emptyLayer: false };
  return [...steps, ...rest.map((layer) => ({ ...untold, ...sizeOf(layer) }))];
}

function sizeOf(layer: InspectedLayer | undefined): Pick<Step, "layer" | "disk"> {
  return { layer: layer?.digest, disk: layer?.unpacked[0]?.disk ?? 0 };
}

function columns(whole: boolean): readonly Column<Step>[] {
  const cut = (text: string): string => (whole || text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 3)}...`);
  return [
    { title: "LAYER", cell: ({ layer }) => layer?.slice(layer.indexOf(":") + 1).slice(0, 12) ?? "-" },
    { title: "CREATED", cell: ({ created }) => whenText(created) },
    { title: "SIZE", cell: ({ disk, layer }) => (layer === undefined ? "-" : sizeText(disk)), right: true },
    { title: "CREATED BY", cell: ({ createdBy = "" }) => cut(createdBy) },
    { title: "COMMENT", cell: ({ comment = "" }) => cut(comment) },
  ];
}

function whenText(created: string | undefined): string {
  const time = created === undefined ? Number.NaN : Date.parse(created);
  return Number.isNaN(time) ? "-" : ageText(time, Date.now());
}
