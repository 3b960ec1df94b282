// The control group of a sandbox that is about to start, whoever gives it.
import type { CgroupFacts } from "../host/cgroup.ts";
import { CgroupError } from "./cgroup_error.ts";
import { findDelegation } from "./find_delegation.ts";
import type { Group } from "./group.ts";
import { OwnCgroup } from "./own_cgroup.ts";
import { neededControllers } from "./resource_files.ts";
import { ScopeCgroup } from "./scope_cgroup.ts";
import type { GroupRequest } from "./set_up_group.ts";

/** `Disposable`: of what is held while it starts. */
export type SandboxCgroup = Disposable & {
  /** For clone3(2) with CLONE_INTO_CGROUP; absent where the child is moved. */
  readonly cgroupFd?: number | undefined;
  /** The child, which waits, to its place. Throws CgroupError. */
  readonly place: (pid: number) => void;
  /** The group that has the limits, once the child is in its place; the caller's from then on. */
  readonly limits: Group | undefined;
  /** Is it for us to remove, and not for who gave it? */
  readonly isOurs: boolean;
};

export type CgroupOrder = GroupRequest & {
  readonly id: string;
  /** For people: what runs. */
  readonly description: string;
  readonly facts: CgroupFacts;
  readonly uid: number;
  readonly now: () => number;
};

/** Throws CgroupError. */
export function sandboxCgroup(order: CgroupOrder): SandboxCgroup {
  const found = findDelegation(order.facts, order.uid, neededControllers(order.files));
  if (found.kind === "nowhere") throw new CgroupError({ kind: "nowhere", reason: found.reason });
  return found.delegation.kind === "scope"
    ? new ScopeCgroup(order, found.delegation.bus)
    : new OwnCgroup(order, found.delegation.folder);
}
