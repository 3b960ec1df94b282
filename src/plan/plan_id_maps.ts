// A range of ids takes newuidmap(1), run by the supervisor while the child waits to be released.
import type { Spec } from "../spec/spec.ts";
import { planOwnIdMaps } from "./plan_own_id_maps.ts";
import type { Program } from "./program.ts";

export function planIdMaps(program: Program, spec: Spec): void {
  if (spec.sandbox.idMapWriter === "self") planOwnIdMaps(program, spec.linux.uidMappings, spec.linux.gidMappings);
}
