// A network namespace, in which `lo` comes up by one RTM_NEWLINK message (rtnetlink(7)): its index is 1 in every new one. Making it
// takes as long as all other namespaces together, so the child does it, while its host goes on.
import { LOOPBACK_INDEX, setLink } from "../netlink/link.ts";
import type { UserNetwork } from "../spec/spec.ts";
import { CLONE } from "./constants.ts";
import { planNetlink } from "./plan_netlink.ts";
import { planTap } from "./plan_tap.ts";
import type { Program } from "./program.ts";
import { named } from "./step.ts";

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 0o2000003;

/** With a network of our own, its device too; `networkFd` is the socket that takes its descriptor. */
export function planNetwork(program: Program, network: UserNetwork | undefined, networkFd: number): void {
  program.add({ kind: "network" }, "unshare", [named(CLONE.CLONE_NEWNET, "CLONE_NEWNET")]);
  const aim = { kind: "loopback" } as const;
  const socket = program.let("netlink", aim, "socket", [
    named(AF_NETLINK, "AF_NETLINK"),
    named(SOCK_RAW_CLOEXEC, "SOCK_RAW|SOCK_CLOEXEC"),
    named(0, "NETLINK_ROUTE"),
  ]);
  planNetlink(program, { aim, socket, requests: [setLink(LOOPBACK_INDEX, { up: true })] });
  if (network) planTap(program, network, socket, networkFd);
  program.add(aim, "close", [socket]);
}
