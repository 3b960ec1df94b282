// `sandbox image tag IMAGE NEW`.
import { tagImage } from "../../../rootfs-builder/store/images.ts";
import type { Parsed } from "../command.ts";
import { onStore } from "../on_store.ts";
import { newName, storedImage } from "../stored_image.ts";

export async function imageTag(parsed: Parsed): Promise<number> {
  const [from = "", to = ""] = parsed.positionals;
  const name = newName(to);
  await onStore(parsed, "tag", from, (context) => tagImage(context.store, storedImage(from, context).name, name));
  return 0;
}
