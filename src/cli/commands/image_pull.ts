// `sandbox image pull IMAGE...`.
import { stat } from "../../../ffi/file.ts";
import { machinePlatform, parsePlatform } from "../../../rootfs-builder/oci/platform.ts";
import { parseImageSource } from "../../../rootfs-builder/oci/source.ts";
import { requestFault } from "../../base/fault.ts";
import type { Parsed } from "../command.ts";
import { onStore } from "../on_store.ts";
import { print } from "../print.ts";
import { pullFrom, pullOptions } from "../pull_from.ts";
import { quietly } from "../quietly.ts";
import { nameInStore } from "../stored_image.ts";

export async function imagePull(parsed: Parsed): Promise<number> {
  const names = parsed.positionals.map((text) => ({ text, name: nameInStore(text, process.cwd()) }));
  for (const { text } of names) refuseMissing(text);
  const platform = parsed.values.get("--platform")?.[0];
  for (const { text, name } of names) {
    const { record } = await onStore(parsed, "pull", text, ({ store, jobs, lookups }) =>
      pullFrom(parseImageSource(text), name, {
        ...quietly(parsed, pullOptions(store, jobs, lookups)),
        platform: platform === undefined ? machinePlatform() : parsePlatform(platform),
        insecure: parsed.switches.has("--insecure"),
        lookups,
      }),
    );
    print(`${record.manifest.digest}\n`);
  }
  return 0;
}

/** A path that is wrong is no fault of the store's. */
function refuseMissing(text: string): void {
  const source = parseImageSource(text);
  if (source.kind !== "registry" && !stat(source.path))
    throw requestFault(`Cannot pull ${text}`, `there is no file or folder ${source.path}`);
}
