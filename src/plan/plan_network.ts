// A network namespace, in which `lo` comes up by one RTM_NEWLINK message (rtnetlink(7)): its index is 1 in every new one. Making it
// takes as long as all other namespaces together, so the child does it, while its host goes on.
import { LOOPBACK_INDEX, setLink } from "../netlink/link.ts";
import type { UserNetwork } from "../spec/spec.ts";
import { CLONE } from "./constants.ts";
import { planMember } from "./plan_member.ts";
import { openNetlink, planNetlink } from "./plan_netlink.ts";
import { planTap } from "./plan_tap.ts";
import type { Program } from "./program.ts";
import { named } from "./step.ts";

/** With a network of our own, its device too; `networkFd` is the socket that takes its descriptor. */
export function planNetwork(program: Program, network: UserNetwork | undefined, networkFd: number): void {
  program.add({ kind: "network" }, "unshare", [named(CLONE.CLONE_NEWNET, "CLONE_NEWNET")]);
  const aim = { kind: "loopback" } as const;
  const socket = openNetlink(program, aim);
  planNetlink(program, { aim, socket, requests: [setLink(LOOPBACK_INDEX, { up: true })] });
  if (network?.member) planMember(program, network.member, socket, networkFd);
  else if (network) planTap(program, network, socket, networkFd);
  program.add(aim, "close", [socket]);
}
