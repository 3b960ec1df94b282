// Requests to rtnetlink(7) as steps of a child that has no loop: one send, one answer, one look at its errno.
import { batch, REPLY_BYTES, REPLY_ERROR } from "../netlink/batch.ts";
import type { Request } from "../netlink/message.ts";
import type { Aim } from "./aim.ts";
import type { Program } from "./program.ts";
import { type Bytes, named, type Register } from "./step.ts";

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 0o2000003;

/** A socket of the child's network namespace. */
export function openNetlink(program: Program, aim: Aim): Register {
  return program.let("netlink", aim, "socket", [
    named(AF_NETLINK, "AF_NETLINK"),
    named(SOCK_RAW_CLOEXEC, "SOCK_RAW|SOCK_CLOEXEC"),
    named(0, "NETLINK_ROUTE"),
  ]);
}

export type NetlinkAsk = {
  readonly aim: Aim;
  readonly socket: Register;
  readonly requests: readonly Request[];
  /** A family that the kernel lacks, or that is turned off, may refuse them. */
  readonly optional?: boolean;
};

/** All or, where a family may be missing (`optional`), none. */
export function planNetlink(program: Program, { aim, socket, requests, optional = false }: NetlinkAsk): void {
  const { bytes, shown } = batch(requests, "last");
  const request: Bytes = { kind: "bytes", content: bytes, shown };
  const reply: Bytes = { kind: "bytes", content: new Uint8Array(REPLY_BYTES), shown: "&reply" };
  program.add(aim, "sendto", [socket, request, bytes.length, 0, 0, 0]);
  program.add(aim, "recvfrom", [socket, reply, REPLY_BYTES, 0, 0, 0]);
  // struct nlmsgerr follows the header and begins with the negated errno, or 0.
  program.add(
    aim,
    "load",
    [{ kind: "inside", of: reply, at: REPLY_ERROR }],
    optional ? { tolerate: ["EAFNOSUPPORT", "EOPNOTSUPP", "EACCES"] } : {},
  );
}
