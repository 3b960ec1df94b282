// `sandbox enter-failed STEP ERRNO`: what this program is executed as where it could not enter namespaces (ffi/stage/enter.c), which is
// done by one that cannot explain anything. Not for people, so no help speaks of it.
import { ERRNO, errnoName } from "../../../ffi/errno.ts";
import { type Fault, FaultError } from "../../base/fault.ts";
import { internalFault } from "../internal_fault.ts";

const WHAT = {
  user: "Cannot enter the user namespace",
  network: "Cannot enter the network namespace",
  capabilities: "Cannot keep the capabilities of the user namespace",
} as const;
type EnterStep = keyof typeof WHAT;

export function enterFailed([step = "", errno = ""]: readonly string[]): never {
  if (!isStep(step) || !/^\d{1,4}$/.test(errno)) throw internalFault("Cannot say what failed");
  throw new FaultError(enterFault(step, Number(errno)));
}

export function enterFault(step: EnterStep, errno: number): Fault {
  return { exitCode: 125, what: WHAT[step], ...reasonOf(step, errno) };
}

function isStep(text: string): text is EnterStep {
  return Object.hasOwn(WHAT, text);
}

/** setns(2), capset(2). */
function reasonOf(step: EnterStep, errno: number): Pick<Fault, "cause" | "hint"> {
  if (errno === ERRNO.EPERM && step === "user")
    return {
      cause: "it is another user's, or this process is in a user namespace that it is not nested in",
      hint: "go in as the user who started it, from where it was started",
    };
  if (errno === ERRNO.EPERM && step === "network")
    return { cause: "it does not belong to the user namespace that was entered", hint: "go in as its owner" };
  if (errno === ERRNO.EINVAL && step !== "capabilities")
    return { cause: `the descriptor is of no ${step} namespace, or this process is in it already`, hint: "" };
  if (errno === ERRNO.EBADF) return { cause: "there is no such descriptor", hint: "" };
  return { cause: `the kernel refused with ${errnoName(errno)}`, hint: "see: sandbox doctor" };
}
