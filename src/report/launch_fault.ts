import { requestFault } from "../base/fault.ts";
import type { LaunchFailure } from "../launch/launch_plan.ts";
import type { Spec } from "../spec/spec.ts";

export function throwLaunchFault(failure: LaunchFailure, spec: Spec): never {
  void spec;
  throw requestFault("Cannot start", JSON.stringify(failure));
}
