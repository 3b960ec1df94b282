import { type FaultError, usageFault } from "../base/fault.ts";

/** Of a command that is not for people, called by one. */
export function internalFault(what = "Cannot go on", cause = "the message is none"): FaultError {
  return usageFault(what, cause, "sandbox starts this command itself");
}
