// `sandbox image commit ENVIRONMENT IMAGE`.
import { commitEnvironment } from "../../../rootfs-builder/commit_environment.ts";
import { machinePlatform } from "../../../rootfs-builder/oci/platform.ts";
import type { Parsed } from "../command.ts";
import { environmentName } from "../environment_name.ts";
import { onStore } from "../on_store.ts";
import { parseChange } from "../parse/image_change.ts";
import { print } from "../print.ts";
import { pullOptions } from "../pull_from.ts";
import { quietly } from "../quietly.ts";
import { newName } from "../stored_image.ts";

export async function imageCommit(parsed: Parsed): Promise<number> {
  const [from = "", to = ""] = parsed.positionals;
  const name = environmentName(from);
  const image = newName(to);
  const changes = (parsed.values.get("--change") ?? []).map(parseChange);
  const { record } = await onStore(parsed, "commit", `the environment ${name}`, ({ store, jobs, lookups }) =>
    commitEnvironment(name, image, {
      ...quietly(parsed, pullOptions(store, jobs, lookups)),
      platform: machinePlatform(),
      changes,
      author: parsed.values.get("--author")?.[0],
      message: parsed.values.get("--message")?.[0],
      random: () => crypto.randomUUID().slice(0, 8),
    }),
  );
  print(`${record.manifest.digest}\n`);
  return 0;
}
