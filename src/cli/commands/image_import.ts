// `sandbox image import FILE [NAME]`.
import { importImage } from "../../../rootfs-builder/import_image.ts";
import { changeConfig } from "../../../rootfs-builder/oci/change_config.ts";
import { machinePlatform, parsePlatform } from "../../../rootfs-builder/oci/platform.ts";
import { openStore } from "../../../rootfs-builder/store/open_store.ts";
import type { Parsed } from "../command.ts";
import { fileName } from "../file_name.ts";
import { inputFile } from "../input_file.ts";
import { onStore } from "../on_store.ts";
import { parseChange } from "../parse/image_change.ts";
import { print } from "../print.ts";
import { pullOptions } from "../pull_from.ts";
import { quietly } from "../quietly.ts";
import { Scratches } from "../scratches.ts";
import { newName, shownName } from "../stored_image.ts";

export async function imageImport(parsed: Parsed): Promise<number> {
  const [text = "", wanted = fileName(text)] = parsed.positionals;
  const name = newName(wanted);
  const changes = (parsed.values.get("--change") ?? []).map(parseChange);
  const platform = parsed.values.get("--platform")?.[0];
  await onStore(parsed, "import", text, async ({ store, jobs, lookups }) => {
    openStore(store);
    using scratches = new Scratches(store);
    using input = inputFile(text, lookups.cwd, scratches);
    const { os, architecture, variant } = platform === undefined ? machinePlatform() : parsePlatform(platform);
    const { record } = await importImage(input.fd, name, {
      ...quietly(parsed, pullOptions(store, jobs, lookups)),
      config: { architecture, os, ...(variant !== undefined && { variant }), config: changeConfig({}, changes) },
      created: new Date().toISOString(),
      origin: text,
      random: () => crypto.randomUUID().slice(0, 8),
    });
    print(`${shownName(record.name)} ${record.manifest.digest}\n`);
  });
  return 0;
}
