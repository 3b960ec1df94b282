// A network namespace for the bridge, with the uplink's TAP device in it. A child makes it and ends: its descriptors are what is left, and hold the
// namespace. The supervisor itself stays where it is, for the host's network is where it dials; it could not come back.
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/fd.ts";
import { readAll } from "../../ffi/file.ts";
import { launch } from "../../ffi/launch.ts";
import { pipe, socketPair } from "../../ffi/pipe.ts";
import { waitFor } from "../../ffi/process.ts";
import { type Received, receiveMessage } from "../../ffi/unix_message.ts";
import { encodePlan } from "../launch/encode_plan.ts";
import { TAP_INDEX } from "../netlink/tap_requests.ts";
import { CLONE } from "../plan/constants.ts";
import { openNamespace } from "../plan/plan_member.ts";
import { openNetlink } from "../plan/plan_netlink.ts";
import { openTap, planSetting } from "../plan/plan_tap.ts";
import { Program } from "../plan/program.ts";
import { sendDescriptor } from "../plan/send_descriptor.ts";
import type { Step } from "../plan/step.ts";
import { NetworkError } from "./network_error.ts";

export const UPLINK = { name: "uplink", index: TAP_INDEX } as const;

export type BridgeNamespace = { readonly namespace: Fd; readonly netlink: Fd; readonly tap: Fd };

const LARGEST_REPORT = 2048;

/** Takes CAP_SYS_ADMIN and CAP_NET_ADMIN in the user namespace that it is to belong to. Throws NetworkError. */
export function makeBridgeNamespace(): BridgeNamespace {
  const status = pipe("status");
  const channel = socketPair("bridge namespace");
  const steps = bridgeSteps(channel.theirs.number);
  const encoded = encodePlan(steps);
  const [cloneFlags, statusFd] = [CLONE.CLONE_NEWNET, status.write.number];
  const child = launch({ cloneFlags, statusFd, steps: encoded.bytes, count: encoded.count });
  status.write.close();
  channel.theirs.close();
  using report = status.read;
  using ours = channel.ours;
  if (child.kind === "failed") throw namespaceError(child.errno);
  using _pidfd = new Fd(child.pidfd);
  const failed = readAll(report.number, "status", LARGEST_REPORT);
  waitFor(child.pid);
  if (failed.length > 0) throw stepError(steps, failed);
  return received(receiveMessage(ours.number, 1, DESCRIPTORS));
}

const DESCRIPTORS = 3;

function bridgeSteps(socket: number): readonly Step[] {
  const program = new Program();
  const aim = { kind: "interface" } as const;
  // The bridge itself is nobody's neighbour.
  planSetting(program, "net/ipv6/conf/default/disable_ipv6", "1");
  const tap = openTap(program, UPLINK.name);
  const netlink = openNetlink(program, aim);
  const namespace = openNamespace(program, aim);
  sendDescriptor(program, aim, socket, namespace, netlink, tap);
  program.add(aim, "exit_group", [0]);
  return program.steps;
}

function received(message: Received): BridgeNamespace {
  const fds = message.kind === "message" ? message.fds : [];
  const [namespace, netlink, tap] = fds;
  if (namespace && netlink && tap) return { namespace, netlink, tap };
  for (const fd of fds) fd.close();
  throw new NetworkError("the process that was to make its bridge has ended before it did");
}

function namespaceError(errno: number): NetworkError {
  const isLimit = errno === ERRNO.ENOSPC || errno === ERRNO.EUSERS;
  const cause = isLimit ? "the limit of network namespaces is reached" : "no network namespace can be made";
  return new NetworkError(
    `${cause} (clone3: ${errnoName(errno)})`,
    isLimit ? "raise it: sudo sysctl -w user.max_net_namespaces=15000" : "see: sandbox doctor",
  );
}

/** struct report of ffi/stage/sys.h. */
function stepError(steps: readonly Step[], report: Uint8Array): NetworkError {
  const [, index = 0, errno = 0] = new Int32Array(report.slice(0, 12).buffer);
  const step = steps[index];
  const call = `${step?.call ?? "a step"}: ${errnoName(errno)}`;
  if (step?.aim.kind !== "tap") return new NetworkError(`its bridge cannot be made (${call})`, "see: sandbox doctor");
  return new NetworkError(
    `the network device cannot be made (${call} of /dev/net/tun)`,
    "load the driver, and let this user open it: sudo modprobe tun; sudo chmod 666 /dev/net/tun",
  );
}
