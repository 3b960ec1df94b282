// `sandbox image build`: a recipe into the store, and a name for it.
import { OciError } from "../../../rootfs-builder/oci/oci_error.ts";
import { canonicalText, parseReference } from "../../../rootfs-builder/oci/reference.ts";
import { tagImage } from "../../../rootfs-builder/store/images.ts";
import { usageFault } from "../../base/fault.ts";
import { hostLookups } from "../../host/read_lookups.ts";
import type { Parsed } from "../command.ts";
import { ownersOf } from "../find_rootfs.ts";
import { parseChoice } from "../parse/values.ts";
import { BUILD_NETWORKS } from "../recipe/build_network.ts";
import { buildRecipe } from "../recipe/build_recipe.ts";
import { progressLine } from "../recipe/find_recipe.ts";
import { rootfsFault } from "../rootfs_fault.ts";
import { note, toStdout } from "../say.ts";
import { storeFolder } from "../store_folder.ts";
import { storeJobs } from "../store_jobs.ts";

const DEFAULT_FILE = "sandbox.toml";

export async function imageBuild(parsed: Parsed): Promise<number> {
  const lookups = hostLookups(process.env);
  const value = (name: string): string | undefined => parsed.values.get(name)?.[0];
  const shown = value("--file") ?? DEFAULT_FILE;
  const tag = value("--tag");
  const name = tag === undefined ? undefined : taggedName(tag);
  const network = parseChoice("--network", value("--network") ?? "none", BUILD_NETWORKS);
  parseChoice("--userns", value("--userns") ?? "auto", ["auto", "single", "range"]);
  const store = storeFolder(value("--store"), lookups);
  try {
    const record = await buildRecipe({
      store,
      jobs: storeJobs(lookups, ownersOf(parsed)),
      parsed,
      lookups,
      path: shown.startsWith("/") ? shown : `${lookups.cwd}/${shown}`,
      shown,
      network,
      cache: !parsed.switches.has("--no-cache"),
      tell: (told) => note(progressLine(told)),
    });
    const named = name === undefined ? record : await tagImage(store, record.name, name);
    toStdout(`${named.name}\n`);
    return 0;
  } catch (error) {
    throw rootfsFault(error);
  }
}

function taggedName(text: string): string {
  try {
    const reference = parseReference(text);
    if (reference.digest === undefined) return canonicalText(reference);
  } catch (error) {
    if (error instanceof OciError) throw usageFault(`Cannot use --tag ${JSON.stringify(text)}`, error.message);
    throw error;
  }
  throw usageFault(`Cannot use --tag ${JSON.stringify(text)}`, "a digest cannot be given to an image, it has one");
}
