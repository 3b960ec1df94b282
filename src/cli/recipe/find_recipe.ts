// --rootfs recipe:FILE → the layers of the image that the recipe makes, which is built first where it is not there.
import { type Context, enterImage } from "../find_image.ts";
import type { RootFolder } from "../find_rootfs.ts";
import { note } from "../say.ts";
import { buildNetworkOf } from "./build_network.ts";
import { type BuildProgress, buildRecipe } from "./build_recipe.ts";

export async function findRecipe(path: string, context: Context): Promise<RootFolder> {
  const shown = context.parsed.values.get("--rootfs")?.[0] ?? path;
  const network = buildNetworkOf(context.parsed.values.get("--net")?.[0]);
  const record = await buildRecipe({ ...context, path, shown, network, cache: true, tell });
  return await enterImage(record, context);
}

/** What is there already is not worth a word before each run. */
function tell(told: BuildProgress): void {
  if (told.kind !== "cached") note(progressLine(told));
}

export function progressLine(told: BuildProgress): string {
  switch (told.kind) {
    case "cached":
      return `${told.section}: cached`;
    case "building":
      return `${told.section}: building`;
    case "waiting":
      return `waiting for ${told.section}, which builds the same`;
    case "command":
      return `  ${told.command}`;
  }
}
