import type { BusFailure } from "./dbus/bus_failure.ts";
import type { NoDelegation } from "./find_delegation.ts";
import type { Controller } from "./resource_files.ts";

/** Why a sandbox cannot have the control group that it was to have. */
export type CgroupFailure =
  | { readonly kind: "nowhere"; readonly reason: NoDelegation }
  | { readonly kind: "bus"; readonly path: string; readonly failure: BusFailure }
  /** The manager has put the processes where we do not find them. */
  | { readonly kind: "unseen"; readonly unit: string; readonly found: string }
  | { readonly kind: "missing"; readonly controllers: readonly Controller[]; readonly where: string }
  /** A controller that is there and cannot be switched on. */
  | { readonly kind: "enable"; readonly controllers: readonly string[]; readonly where: string; readonly errno: number }
  | { readonly kind: "make"; readonly where: string; readonly errno: number }
  | { readonly kind: "move"; readonly where: string; readonly errno: number }
  | { readonly kind: "content"; readonly file: string; readonly content: string; readonly errno: number };

export class CgroupError extends Error {
  readonly failure: CgroupFailure;

  constructor(failure: CgroupFailure) {
    super(failure.kind);
    this.failure = failure;
  }
}
