// `sandbox env diff NAME`.
import { diffEnvironment } from "../../../rootfs-builder/store/environments.ts";
import type { Parsed } from "../command.ts";
import { environmentName } from "../environment_name.ts";
import { onStore } from "../on_store.ts";
import { printChanges } from "../print_changes.ts";

export async function envDiff(parsed: Parsed): Promise<number> {
  const name = environmentName(parsed.positionals[0] ?? "");
  const changes = await onStore(parsed, "compare", `the environment ${name}`, ({ store, jobs }) =>
    diffEnvironment(store, name, jobs.run),
  );
  return printChanges(changes, parsed.switches.has("--json"));
}
