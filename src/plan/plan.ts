// Spec + facts → Plan: what the launcher clones with, and every system call of the child, in order. Pure.
import type { IdMapping, NamespaceType, Spec } from "../spec/spec.ts";
import type { CLONE } from "./constants.ts";
import type { PlanFacts } from "./facts.ts";
import { planDescriptors, planHostname, planTime } from "./plan_host.ts";
import { planIdMaps } from "./plan_id_maps.ts";
import { planMounts } from "./plan_mounts.ts";
import { planNetwork } from "./plan_network.ts";
import { type ExecInputs, planCommand, planLimits } from "./plan_process.ts";
import { planRelease } from "./plan_release.ts";
import { planPivot, planRoot } from "./plan_root.ts";
import { planSecurity } from "./plan_security.ts";
import { planPermissions } from "./plan_tap.ts";
import { Program } from "./program.ts";
import type { Step } from "./step.ts";

export type Plan = {
  /** Names of CLONE_NEW* flags for clone3(2). CLONE_NEWTIME and CLONE_NEWNET are not among them: steps unshare them, and a cgroup namespace that shows a group of its own. */
  readonly cloneFlags: readonly (keyof typeof CLONE)[];
  readonly steps: readonly Step[];
  /** Maps that the supervisor has newuidmap(1) and newgidmap(1) write, before it releases the child. */
  readonly helperMaps?: { readonly uid: readonly IdMapping[]; readonly gid: readonly IdMapping[] };
};

const CLONE_FLAGS: Readonly<Record<Exclude<NamespaceType, "time" | "network">, keyof typeof CLONE>> = {
  user: "CLONE_NEWUSER",
  pid: "CLONE_NEWPID",
  mount: "CLONE_NEWNS",
  uts: "CLONE_NEWUTS",
  ipc: "CLONE_NEWIPC",
  cgroup: "CLONE_NEWCGROUP",
};

export function plan(spec: Spec, facts: PlanFacts, inputs: ExecInputs): Plan {
  const program = new Program();
  const has = (type: NamespaceType): boolean =>
    spec.linux.namespaces.some((namespace) => namespace.type === type && namespace.path === undefined);
  planDescriptors(program, spec, inputs);
  if (has("network")) planNetwork(program, spec.sandbox.network, inputs.networkFd);
  planRelease(program, spec, inputs);
  planIdMaps(program, spec);
  if (spec.sandbox.network) planPermissions(program, spec);
  planTime(program, spec);
  if (has("uts")) planHostname(program, spec);
  const place = planRoot(program, spec, facts);
  planMounts(program, spec, facts, place);
  planLimits(program, spec);
  planPivot(program, spec, place);
  planSecurity(program, spec);
  planCommand(program, spec, inputs);
  return {
    cloneFlags: spec.linux.namespaces.flatMap(({ type }) =>
      type === "time" || type === "network" || (type === "cgroup" && spec.sandbox.cgroup) ? [] : [CLONE_FLAGS[type]],
    ),
    steps: program.steps,
    ...(spec.sandbox.idMapWriter === "helper" && {
      helperMaps: { uid: spec.linux.uidMappings, gid: spec.linux.gidMappings },
    }),
  };
}
