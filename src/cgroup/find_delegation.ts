// Who gives a sandbox a control group: the systemd user manager, or whoever has handed ours over to us; or nobody, and why. Pure.
import type { CgroupFacts } from "../host/cgroup.ts";
import type { Controller } from "./resource_files.ts";

export type Delegation =
  /** `bus`: the socket of its D-Bus. */
  | { readonly kind: "scope"; readonly bus: string }
  /** `folder`: of our own group. */
  | { readonly kind: "own"; readonly folder: string };

export type NoDelegation =
  /** No control groups; those of version 1; nobody who hands any down. */
  | { readonly kind: "none" | "legacy" | "refused" }
  | { readonly kind: "controllers"; readonly missing: readonly Controller[]; readonly where: string };

export type FoundDelegation =
  | { readonly kind: "found"; readonly delegation: Delegation }
  | { readonly kind: "nowhere"; readonly reason: NoDelegation };

type Offer = {
  readonly delegation: Delegation;
  readonly controllers: readonly string[] | undefined;
  readonly where: string;
};

export function findDelegation(facts: CgroupFacts, uid: number, needed: readonly Controller[]): FoundDelegation {
  if (facts.mode === "none" || facts.mode === "legacy") return nowhere({ kind: facts.mode });
  const offers = offersOf(facts, uid);
  const found = offers.find((offer) => missingOf(offer, needed).length === 0);
  if (found) return { kind: "found", delegation: found.delegation };
  // In a hybrid layout the controllers are those of version 1, whoever is asked.
  if (facts.mode === "hybrid") return nowhere({ kind: "legacy" });
  const [first] = offers;
  if (first === undefined) return nowhere({ kind: "refused" });
  return nowhere({ kind: "controllers", missing: missingOf(first, needed), where: first.where });
}

function nowhere(reason: NoDelegation): FoundDelegation {
  return { kind: "nowhere", reason };
}

// Without the variables that say where it is, the user manager's bus is still where it always is (sd_bus_open_user(3), pam_systemd(8)).
function offersOf({ manager, delegated, folder, controllers }: CgroupFacts, uid: number): readonly Offer[] {
  const bus = manager.bus ?? manager.usualBus;
  const scope: readonly Offer[] =
    bus === undefined
      ? []
      : [{ delegation: { kind: "scope", bus }, controllers: manager.controllers, where: `user@${uid}.service` }];
  const own: readonly Offer[] =
    delegated && folder !== undefined ? [{ delegation: { kind: "own", folder }, controllers, where: folder }] : [];
  return [...scope, ...own];
}

/** None where they cannot be known: the manager's group may lie outside of what we see. */
function missingOf({ controllers }: Offer, needed: readonly Controller[]): readonly Controller[] {
  return controllers === undefined ? [] : needed.filter((name) => !controllers.includes(name));
}
