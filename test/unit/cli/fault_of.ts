// What a call refuses with, for tests that read the message as a user does.
import { type Fault, FaultError } from "../../../src/base/fault.ts";

/** The fault that `call` throws; throws when it does not, or throws something else. */
export function faultOf(call: () => unknown): Fault {
  try {
    call();
  } catch (error) {
    if (error instanceof FaultError) return error.fault;
    throw error;
  }
  throw new Error("nothing was refused");
}
