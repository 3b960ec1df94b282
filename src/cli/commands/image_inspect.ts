// `sandbox image inspect IMAGE...`.
import { parseImageConfig } from "../../../rootfs-builder/oci/image_config.ts";
import { platformText } from "../../../rootfs-builder/oci/platform.ts";
import { type InspectedImage, inspectImage } from "../../../rootfs-builder/store/inspect_image.ts";
import { sizeText } from "../amounts.ts";
import type { Parsed } from "../command.ts";
import { onStore } from "../on_store.ts";
import { print } from "../print.ts";
import { printJson } from "../print_json.ts";
import { shownName, storedImage } from "../stored_image.ts";
import { visible } from "../visible.ts";

export async function imageInspect(parsed: Parsed): Promise<number> {
  const images = await onStore(parsed, "inspect", "the images", async (context) => {
    const found: InspectedImage[] = [];
    for (const text of parsed.positionals)
      found.push(await inspectImage(context.store, storedImage(text, context).name, context.jobs.run));
    if (!parsed.switches.has("--json")) return found.map(imageText).join("\n");
    return found.map(imageFacts);
  });
  if (typeof images !== "string") return printJson(images);
  print(images);
  return 0;
}

function imageFacts({ record, names, manifestBytes, configBytes, layers, inUse }: InspectedImage) {
  const { name, manifest, stored } = record;
  return {
    name,
    names,
    digest: manifest.digest,
    mediaType: manifest.mediaType,
    stored,
    inUse,
    layers,
    manifest: JSON.parse(new TextDecoder().decode(manifestBytes)) as unknown,
    config: JSON.parse(new TextDecoder().decode(configBytes)) as unknown,
  };
}

function imageText({ record, names, configBytes, layers, inUse }: InspectedImage): string {
  const { platform, created, author, config } = parseImageConfig(configBytes, record.name);
  const rows: readonly (readonly [string, string | readonly string[] | undefined])[] = [
    ["Names", names.map(shownName)],
    ["Digest", record.manifest.digest],
    ["Platform", platformText(platform)],
    ["Created", created],
    ["Author", author],
    ["State", inUse ? "in use" : undefined],
    ["User", config.user],
    ["Folder", config.workingDir],
    ["Entrypoint", config.entrypoint && JSON.stringify(config.entrypoint)],
    ["Command", config.cmd && JSON.stringify(config.cmd)],
    ["Stop signal", config.stopSignal],
    ["Ports", config.exposedPorts],
    ["Volumes", config.volumes],
    ["Environment", config.env],
    ["Labels", Object.entries(config.labels).map(([name, value]) => `${name}=${value}`)],
    ["Layers", layers.map(layerText)],
  ];
  return rows.map(([title, value]) => rowText(title, typeof value === "string" ? [value] : (value ?? []))).join("");
}

function layerText({ digest, size, kept, unpacked }: InspectedImage["layers"][number]): string {
  const disk = unpacked[0] ? `${sizeText(unpacked[0].disk)} unpacked` : "not unpacked";
  return `${digest}  ${disk}, ${sizeText(size)} as sent${kept ? "" : " (not kept)"}`;
}

const TITLE_WIDTH = 13;

function rowText(title: string, values: readonly string[]): string {
  return values
    .filter((value) => value !== "")
    .map((value, at) => `${(at === 0 ? `${title}:` : "").padEnd(TITLE_WIDTH)}${visible(value)}\n`)
    .join("");
}
