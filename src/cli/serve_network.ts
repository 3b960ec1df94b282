// The rest of a `run` whose command has just spoken to its network for the first time: this program, started again by the waiter.
import { lateNetwork } from "../supervisor/late_network.ts";
import { superviseLate } from "../supervisor/late_session.ts";
import { prepareStack } from "../supervisor/start_stack.ts";
import { stackInputs } from "./stack_inputs.ts";

/** `numbers`: what the waiter hands over. */
export function serveNetwork(numbers: string): number {
  const inputs = stackInputs(lateNetwork(process.env));
  return superviseLate(numbers, prepareStack({ ...inputs, published: [] }));
}
