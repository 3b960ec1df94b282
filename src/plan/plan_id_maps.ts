// user_namespaces(7): a process may write one id of its own into its maps, after giving up setgroups(2). A range takes
// newuidmap(1), run by the supervisor while the child waits to be released.
import type { IdMapping, Spec } from "../spec/spec.ts";
import type { Program } from "./program.ts";

export function planIdMaps(program: Program, spec: Spec): void {
  if (spec.sandbox.idMapWriter === "helper") return;
  program.writeFile({ kind: "map-ids", file: "setgroups" }, "/proc/self/setgroups", "deny");
  program.writeFile({ kind: "map-ids", file: "uid_map" }, "/proc/self/uid_map", mapText(spec.linux.uidMappings));
  program.writeFile({ kind: "map-ids", file: "gid_map" }, "/proc/self/gid_map", mapText(spec.linux.gidMappings));
}

function mapText(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
}
