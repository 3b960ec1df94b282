// The one interface of a network of our own: a TAP device, with its addresses and routes, whose descriptor goes to the supervisor. It
// is /dev/net/tun of the host that is opened, before the root changes. Neighbours are fixed, so nobody has to ask who has which address.

import { GATEWAY_MAC } from "../net/wire/gateway_mac.ts";
import { type IpAddress, parseIpAddress } from "../net/wire/ip_address.ts";
import { addAddress } from "../netlink/address.ts";
import { setLink } from "../netlink/link.ts";
import type { Request } from "../netlink/message.ts";
import { addNeighbour } from "../netlink/neighbour.ts";
import { addDefaultRoute } from "../netlink/route.ts";
import { TAP_INDEX, tapRequests } from "../netlink/tap_requests.ts";
import type { NetworkAddresses, Spec, UserNetwork } from "../spec/spec.ts";
import { O } from "./constants.ts";
import { AT_FDCWD } from "./mount_steps.ts";
import { planNetlink } from "./plan_netlink.ts";
import type { Program } from "./program.ts";
import { sendDescriptor } from "./send_descriptor.ts";
import { type Bytes, flags, named, type Register } from "./step.ts";

const DEVICE = "/dev/net/tun";
/** Frames that may wait while the supervisor is busy; the default of 1000 is for devices that lose nothing by waiting. */
const QUEUE_LENGTH = 4096;

/** The device `name` in the child's network namespace; the register of its descriptor. */
export function openTap(program: Program, name: string): Register {
  const aim = { kind: "tap" } as const;
  const open = flags(O, "O_RDWR", "O_NONBLOCK", "O_CLOEXEC");
  const tap = program.let("tap", aim, "openat", [AT_FDCWD, DEVICE, open, 0]);
  for (const { name: call, request, argument, shown, tolerate } of tapRequests({ name })) {
    const value = typeof argument === "number" ? named(argument, shown) : bytesOf(argument, shown);
    program.add(aim, "ioctl", [tap, named(request, call), value], tolerate ? { tolerate } : {});
  }
  return tap;
}

export function planTap(program: Program, network: UserNetwork, netlink: Register, networkFd: number): void {
  const aim = { kind: "tap" } as const;
  const tap = openTap(program, network.interface);
  // Of IPv6 only what is given here: no link-local address, no solicitations. A kernel without IPv6 does not know what is meant.
  const to = { aim: { kind: "interface" }, socket: netlink } as const;
  planNetlink(program, { ...to, requests: [setLink(TAP_INDEX, { noLinkLocal: true })], optional: true });
  const link = [setLink(TAP_INDEX, { mtu: network.mtu, queueLength: QUEUE_LENGTH }), setLink(TAP_INDEX, { up: true })];
  planNetlink(program, { ...to, requests: [...link, ...(network.ipv4 ? familyRequests(network.ipv4) : [])] });
  if (network.ipv6) planNetlink(program, { ...to, requests: familyRequests(network.ipv6), optional: true });
  sendDescriptor(program, aim, networkFd, tap);
  program.add(aim, "close", [tap]);
  // A start may have few descriptors. The listener of connections goes the same way later (plan_connects.ts).
  if (!network.bypass) program.add(aim, "close", [named(networkFd, "network")]);
}

/**
 * What a command that is not root may do on a network of its own: bind any port, and ping (icmp(7), by the groups of the sandbox). An outer
 * container may have covered these settings; then only root can.
 */
export function planPermissions(program: Program, { linux, process }: Spec): void {
  const [first] = linux.gidMappings;
  const isRange = linux.gidMappings.some(({ size }) => size > 1) && first?.containerID === 0;
  const last = isRange ? linux.gidMappings.reduce((sum, { size }) => sum + size, 0) - 1 : process.user.gid;
  planSetting(program, "net/ipv4/ping_group_range", `${isRange ? 0 : process.user.gid} ${last}`);
  planSetting(program, "net/ipv4/ip_unprivileged_port_start", "0");
}

/** sysctl(8) of the child's network namespace; nothing where it is not there, or covered. */
export function planSetting(program: Program, name: string, value: string): void {
  const aim = { kind: "interface" } as const;
  const path = `/proc/sys/${name}`;
  const file = program.let("file", aim, "openat", [AT_FDCWD, path, flags(O, "O_WRONLY", "O_CLOEXEC"), 0], {
    tolerate: ["ENOENT", "EACCES", "EROFS", "EPERM"],
    skip: 2,
  });
  program.add(aim, "write", [file, value, value.length], { tolerate: ["EINVAL"] });
  program.add(aim, "close", [file]);
}

function familyRequests({ address, prefixLength, gateway, nameserver }: NetworkAddresses): readonly Request[] {
  const via = addressOf(gateway);
  return [
    addAddress(TAP_INDEX, addressOf(address), prefixLength),
    ...[via, addressOf(nameserver)].map((neighbour) => addNeighbour(TAP_INDEX, neighbour, GATEWAY_MAC)),
    addDefaultRoute(TAP_INDEX, via),
  ];
}

function bytesOf(content: Uint8Array, shown: string): Bytes {
  return { kind: "bytes", content, shown };
}

function addressOf(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === undefined) throw new TypeError(`${text} is no IP address`);
  return address;
}
