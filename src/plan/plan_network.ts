// A network namespace, in which `lo` comes up by one RTM_NEWLINK message (rtnetlink(7)): its index is 1 in every new one. Making it
// takes as long as all other namespaces together, so the child does it, while its host goes on.
import type { UserNetwork } from "../spec/spec.ts";
import { CLONE } from "./constants.ts";
import { planTap } from "./plan_tap.ts";
import type { Program } from "./program.ts";
import { type Bytes, named } from "./step.ts";

const NLMSG_HEADER = 16;
const IFINFO = 16;
const RTM_NEWLINK = 16;
const NLM_F_REQUEST_ACK = 5;
const IFF_UP = 1;
const LOOPBACK_INDEX = 1;
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 0o2000003;

/** With a network of our own, its device too; `networkFd` is the socket that takes its descriptor. */
export function planNetwork(program: Program, network: UserNetwork | undefined, networkFd: number): void {
  program.add({ kind: "network" }, "unshare", [named(CLONE.CLONE_NEWNET, "CLONE_NEWNET")]);
  const aim = { kind: "loopback" } as const;
  const request: Bytes = { kind: "bytes", content: loopbackUp(), shown: "RTM_NEWLINK {index 1, IFF_UP}" };
  const reply: Bytes = { kind: "bytes", content: new Uint8Array(128), shown: "&reply" };
  const socket = program.let("netlink", aim, "socket", [
    named(AF_NETLINK, "AF_NETLINK"),
    named(SOCK_RAW_CLOEXEC, "SOCK_RAW|SOCK_CLOEXEC"),
    named(0, "NETLINK_ROUTE"),
  ]);
  program.add(aim, "sendto", [socket, request, request.content.length, 0, 0, 0]);
  program.add(aim, "recvfrom", [socket, reply, reply.content.length, 0, 0, 0]);
  // struct nlmsgerr follows the header and begins with the negated errno, or 0.
  program.add(aim, "load", [{ kind: "inside", of: reply, at: NLMSG_HEADER }]);
  if (network) planTap(program, network, socket, networkFd);
  program.add(aim, "close", [socket]);
}

function loopbackUp(): Uint8Array {
  const bytes = new Uint8Array(NLMSG_HEADER + IFINFO);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, RTM_NEWLINK, true);
  view.setUint16(6, NLM_F_REQUEST_ACK, true);
  view.setInt32(NLMSG_HEADER + 4, LOOPBACK_INDEX, true);
  view.setUint32(NLMSG_HEADER + 8, IFF_UP, true);
  view.setUint32(NLMSG_HEADER + 12, IFF_UP, true);
  return bytes;
}
