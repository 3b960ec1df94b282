// `sandbox image load FILE`.
import { type ArchivedImage, archivedImages } from "../../../rootfs-builder/oci/archived_images.ts";
import { OciError } from "../../../rootfs-builder/oci/oci_error.ts";
import { machinePlatform, parsePlatform } from "../../../rootfs-builder/oci/platform.ts";
import { canonicalText, parseReference } from "../../../rootfs-builder/oci/reference.ts";
import type { ImageSourceSpec } from "../../../rootfs-builder/oci/source.ts";
import { openStore } from "../../../rootfs-builder/store/open_store.ts";
import { usageFault } from "../../base/fault.ts";
import type { Parsed } from "../command.ts";
import { fileName } from "../file_name.ts";
import { inputFile } from "../input_file.ts";
import { onStore } from "../on_store.ts";
import { print } from "../print.ts";
import { pullFrom, pullOptions } from "../pull_from.ts";
import { quietly } from "../quietly.ts";
import { Scratches } from "../scratches.ts";
import { newName, shownName } from "../stored_image.ts";

export async function imageLoad(parsed: Parsed): Promise<number> {
  const text = parsed.positionals[0] ?? "";
  const wanted = parsed.values.get("--name")?.[0];
  const name = wanted === undefined ? undefined : newName(wanted);
  const platform = parsed.values.get("--platform")?.[0];
  await onStore(parsed, "load", text, async ({ store, jobs, lookups }) => {
    openStore(store);
    using scratches = new Scratches(store);
    using input = inputFile(text, lookups.cwd, scratches);
    const images = await archivedImages(input.path, () => scratches.add());
    if (name !== undefined && images.length > 1)
      throw usageFault(`Cannot load ${text} as ${wanted}`, `it holds ${images.length} images`, "leave --name out");
    for (const image of images) {
      const { record } = await pullFrom(sourceOf(image, input.path), name ?? nameOf(image, text), {
        ...quietly(parsed, pullOptions(store, jobs, lookups)),
        platform: platform === undefined ? machinePlatform() : parsePlatform(platform),
        insecure: false,
        lookups,
      });
      print(`${shownName(record.name)} ${record.manifest.digest}\n`);
    }
  });
  return 0;
}

function sourceOf({ kind, name }: ArchivedImage, path: string): Exclude<ImageSourceSpec, { kind: "tarball" }> {
  if (kind === "oci-archive") return { kind, path, tag: name };
  return { kind, path, reference: name === undefined ? undefined : parseReference(name) };
}

/** A name with a registry or a tag is one; `v1`, as skopeo writes it into an archive, is the tag of what the archive is called. */
function nameOf({ name }: ArchivedImage, file: string): string {
  const whole = name !== undefined && /[/:]/.test(name) ? canonical(name) : undefined;
  return (
    whole ?? canonical(`${fileName(file)}:${name ?? "latest"}`) ?? canonical(fileName(file)) ?? newName(fileName(file))
  );
}

function canonical(text: string): string | undefined {
  try {
    return canonicalText(parseReference(text));
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}
