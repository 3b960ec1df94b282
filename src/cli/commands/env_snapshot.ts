// `sandbox env snapshot NAME TAG`.
import { snapshotEnvironment } from "../../../rootfs-builder/store/environments.ts";
import type { Parsed } from "../command.ts";
import { snapshotName } from "../environment_name.ts";
import { onStore } from "../on_store.ts";
import { print } from "../print.ts";
import { printJson } from "../print_json.ts";

export async function envSnapshot(parsed: Parsed): Promise<number> {
  const { name, tag } = snapshotName(parsed.positionals);
  const snapshot = await onStore(parsed, "snapshot", `the environment ${name}`, ({ store, jobs }) =>
    snapshotEnvironment(store, name, tag, jobs.run),
  );
  if (parsed.switches.has("--json")) return printJson(snapshot);
  print(`${name}@${tag}\n`);
  return 0;
}
