// The rest of a `run` whose command has just spoken to its network for the first time, or that somebody has asked for its ports: this program,
// started again by the waiter.
import { Fd } from "../../ffi/fd.ts";
import { endingOf } from "../supervisor/ending.ts";
import { lateNetwork } from "../supervisor/late_network.ts";
import { superviseLate } from "../supervisor/late_session.ts";
import { prepareStack } from "../supervisor/start_stack.ts";
import { stackInputs } from "./stack_inputs.ts";

/** `numbers`: what the waiter hands over. */
export async function serveNetwork(numbers: string): Promise<number> {
  const late = lateNetwork(process.env);
  const control = late.control && { listener: new Fd(late.control.listener), user: late.control.user };
  const ending = endingOf(process.env);
  const exitCode = superviseLate(numbers, prepareStack({ ...stackInputs(late), published: [], control }));
  if (ending) (await import("./end_sandbox.ts")).endSandbox(ending, exitCode);
  return exitCode;
}
