// user_namespaces(7): a process may write one id of its own into its maps, after giving up setgroups(2).
import type { IdMapping } from "../spec/spec.ts";
import { idMapText } from "./id_map_text.ts";
import type { Program } from "./program.ts";

export function planOwnIdMaps(program: Program, uid: readonly IdMapping[], gid: readonly IdMapping[]): void {
  program.writeFile({ kind: "map-ids", file: "setgroups" }, "/proc/self/setgroups", "deny");
  program.writeFile({ kind: "map-ids", file: "uid_map" }, "/proc/self/uid_map", idMapText(uid));
  program.writeFile({ kind: "map-ids", file: "gid_map" }, "/proc/self/gid_map", idMapText(gid));
}
