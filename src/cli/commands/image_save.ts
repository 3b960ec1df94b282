// `sandbox image save IMAGE...`.
import { AT_FDCWD, mkdirat, O_DIRECTORY, O_RDONLY, open, stat, writeAll } from "../../../ffi/file.ts";
import { writeOciArchive } from "../../../rootfs-builder/oci/archive_writer.ts";
import { writeDockerArchive } from "../../../rootfs-builder/oci/docker_archive_writer.ts";
import { type BlobSource, type ImageToSave, indexDescriptor } from "../../../rootfs-builder/oci/image_to_save.ts";
import { LayoutWriter } from "../../../rootfs-builder/oci/layout_writer.ts";
import { imageToSave, storedBlobSource } from "../../../rootfs-builder/store/stored_image_source.ts";
import { usageFault } from "../../base/fault.ts";
import type { Parsed } from "../command.ts";
import { onStore } from "../on_store.ts";
import { toOutput } from "../output_file.ts";
import { parseChoice } from "../parse/values.ts";
import { FORMATS } from "../save_formats.ts";
import { shownName, storedImage } from "../stored_image.ts";

export async function imageSave(parsed: Parsed): Promise<number> {
  const format = parseChoice("--format", parsed.values.get("--format")?.[0] ?? "oci-archive", FORMATS);
  const output = parsed.values.get("--output")?.[0];
  if (format === "oci" && output === undefined)
    throw usageFault("Cannot save a layout", "it is a folder, which needs a name", "name it: -o FOLDER");
  await onStore(parsed, "save", parsed.positionals.join(", "), async (context) => {
    const { store, lookups } = context;
    const images = parsed.positionals.map((text) => {
      const record = storedImage(text, context);
      return imageToSave(store, record, savedName(record.name, format === "docker-archive"));
    });
    const source = storedBlobSource(store);
    if (format === "oci") return await saveLayout(absolute(output ?? "", lookups.cwd), images, source);
    const write = format === "oci-archive" ? writeOciArchive : writeDockerArchive;
    await toOutput(output, lookups, async (fd) => {
      for await (const chunk of write(images, source)) writeAll(fd, output ?? "standard output", chunk);
    });
  });
  return 0;
}

async function saveLayout(path: string, images: readonly ImageToSave[], source: BlobSource): Promise<void> {
  if (!stat(path)) mkdirat(AT_FDCWD, path, 0o755);
  using folder = open(path, O_RDONLY | O_DIRECTORY);
  const writer = new LayoutWriter(folder.number);
  for (const image of images) {
    for (const descriptor of image.layers) await writer.add(descriptor, source);
    writer.addBytes(image.configBytes, image.config.mediaType);
    writer.addBytes(image.manifestBytes, image.manifest.mediaType);
    writer.tag(indexDescriptor(image), image.name);
  }
  writer.finish();
}

/** A reference in full, as containerd and podman write it; docker's own archives have it as people write it. Other names are no image's. */
function savedName(name: string, familiar: boolean): string | undefined {
  if (/^(?:oci|oci-archive|docker-archive|dir|tar):/.test(name) || name.includes("@")) return undefined;
  return familiar ? shownName(name) : name;
}

function absolute(path: string, cwd: string): string {
  return path.startsWith("/") ? path : `${cwd}/${path}`;
}
