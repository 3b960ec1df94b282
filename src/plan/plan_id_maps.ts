// A range of ids takes newuidmap(1), run by the supervisor while the child waits to be released.
import type { Spec } from "../spec/spec.ts";
import { planOwnIdMaps } from "./plan_own_id_maps.ts";
import type { ExecInputs } from "./plan_process.ts";
import type { Program } from "./program.ts";
import { named } from "./step.ts";

export function planIdMaps(program: Program, spec: Spec, { releaseFd }: ExecInputs): void {
  if (spec.sandbox.idMapWriter === "self")
    return planOwnIdMaps(program, spec.linux.uidMappings, spec.linux.gidMappings);
  const byte = { kind: "bytes", content: new Uint8Array(1), shown: "&byte" } as const;
  program.add({ kind: "release" }, "read", [named(releaseFd, "release"), byte, 1]);
}
