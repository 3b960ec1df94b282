// `sandbox env restore NAME TAG`.
import { restoreEnvironment } from "../../../rootfs-builder/store/environments.ts";
import type { Parsed } from "../command.ts";
import { snapshotName } from "../environment_name.ts";
import { onStore } from "../on_store.ts";

export async function envRestore(parsed: Parsed): Promise<number> {
  const { name, tag } = snapshotName(parsed.positionals);
  await onStore(parsed, "restore", `the environment ${name}`, ({ store, jobs }) =>
    restoreEnvironment(store, name, tag, jobs.run),
  );
  return 0;
}
