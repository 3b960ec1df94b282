// A network whose stack is not there yet: the waiter starts this program again, in its own place, with the first frame that the command sends
// (ffi/stage/first_frame.h). What the stack will have to know goes along in the environment, which ps(1) does not show.
import type { UserNetwork } from "../spec/spec.ts";

export type LateNetwork = {
  readonly network: UserNetwork;
  readonly hostname: string | undefined;
  /** Of what is said about blocked connections. */
  readonly colour: boolean;
  /** The descriptor that its user's requests come in by, and who that is. */
  readonly control?: { readonly listener: number; readonly user: number } | undefined;
};

const VARIABLE = "SANDBOX_NETWORK";

/** `NAME=value`, for the waiter. */
export function lateNetworkVariable(late: LateNetwork): string {
  return `${VARIABLE}=${JSON.stringify(late)}`;
}

export function lateNetwork(env: NodeJS.ProcessEnv): LateNetwork {
  return JSON.parse(env[VARIABLE] ?? "");
}
