// `sandbox env reset NAME`.
import { resetEnvironment } from "../../../rootfs-builder/store/environments.ts";
import type { Parsed } from "../command.ts";
import { environmentName } from "../environment_name.ts";
import { onStore } from "../on_store.ts";

export async function envReset(parsed: Parsed): Promise<number> {
  const name = environmentName(parsed.positionals[0] ?? "");
  await onStore(parsed, "reset", `the environment ${name}`, ({ store, jobs }) =>
    resetEnvironment(store, name, jobs.run),
  );
  return 0;
}
