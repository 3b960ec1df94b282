// A sandbox on a network with others: the network's supervisor puts the one interface, its addresses and its routes into the namespace, so the
// child hands that over, with a netlink socket of it, and waits for the answer. (The supervisor's capabilities reach there: src/network.)
import type { Membership } from "../spec/spec.ts";
import type { Aim } from "./aim.ts";
import { O } from "./constants.ts";
import { AT_FDCWD } from "./mount_steps.ts";
import { planSetting } from "./plan_tap.ts";
import type { Program } from "./program.ts";
import { sendDescriptor } from "./send_descriptor.ts";
import { type Bytes, flags, named, type Register } from "./step.ts";

/** What the answer is where none comes: -ECONNRESET. */
const NO_ANSWER = -104;
const ANSWER_BYTES = 4;

export function planMember(program: Program, { network }: Membership, netlink: Register, connection: number): void {
  const aim: Aim = { kind: "member", network };
  // Neighbours and routes are what the supervisor says: no router that says it is one, nor a gateway that knows a better.
  for (const family of ["ipv4", "ipv6"] as const)
    planSetting(program, `net/${family}/conf/default/accept_redirects`, "0");
  planSetting(program, "net/ipv4/conf/all/accept_redirects", "0");
  planSetting(program, "net/ipv6/conf/default/accept_ra", "0");
  const namespace = openNamespace(program, aim);
  sendDescriptor(program, aim, connection, namespace, netlink);
  program.add(aim, "close", [namespace]);
  const answer: Bytes = { kind: "bytes", content: new Uint8Array(Int32Array.of(NO_ANSWER).buffer), shown: "&answer" };
  program.add(aim, "recvfrom", [named(connection, "network"), answer, ANSWER_BYTES, 0, 0, 0]);
  program.add(aim, "load", [{ kind: "inside", of: answer, at: 0 }]);
}

/** The child's own network namespace; the register of its descriptor. */
export function openNamespace(program: Program, aim: Aim): Register {
  return program.let("namespace", aim, "openat", [AT_FDCWD, "/proc/self/ns/net", flags(O, "O_CLOEXEC"), 0]);
}
