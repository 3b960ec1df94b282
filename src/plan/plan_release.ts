// What only the supervisor can do to the child: have its ids mapped by newuidmap(1), and move it to a control group. The child waits for
// one byte that says that it is done.
import type { Spec } from "../spec/spec.ts";
import { CLONE } from "./constants.ts";
import type { ExecInputs } from "./plan_process.ts";
import type { Program } from "./program.ts";
import { named } from "./step.ts";

/** Does the child wait? */
export function waitsForRelease({ sandbox }: Spec): boolean {
  return sandbox.idMapWriter === "helper" || sandbox.cgroup !== undefined;
}

export function planRelease(program: Program, spec: Spec, { releaseFd }: ExecInputs): void {
  if (!waitsForRelease(spec)) return;
  const byte = { kind: "bytes", content: new Uint8Array(1), shown: "&byte" } as const;
  program.add({ kind: "release" }, "read", [named(releaseFd, "release"), byte, 1]);
  // cgroup_namespaces(7): the root of a new one is the group that its first process is in at that time.
  if (spec.sandbox.cgroup)
    program.add({ kind: "cgroup" }, "unshare", [named(CLONE.CLONE_NEWCGROUP, "CLONE_NEWCGROUP")]);
}
