// `sandbox env rm NAME|NAME@TAG...`.
import { removeEnvironment, removeSnapshot } from "../../../rootfs-builder/store/environments.ts";
import type { Parsed } from "../command.ts";
import { environmentName, snapshotName } from "../environment_name.ts";
import { onStore } from "../on_store.ts";
import { print } from "../print.ts";

export async function envRm(parsed: Parsed): Promise<number> {
  const wanted = parsed.positionals.map((text) =>
    text.includes("@") ? { text, ...snapshotName([text]) } : { text, name: environmentName(text), tag: undefined },
  );
  for (const { text, name, tag } of wanted) {
    await onStore(parsed, "remove", `the environment ${text}`, async ({ store, jobs }) => {
      if (tag === undefined) await removeEnvironment(store, name, jobs.run);
      else await removeSnapshot(store, name, tag, jobs.run);
    });
    print(`${text}\n`);
  }
  return 0;
}
