// Tells the sandbox that a packet of its own did not arrive: an ICMP error that quotes the packet.
import { emitIcmpv4, ICMPV4_UNREACHABLE, type Icmpv4Message, icmpv4Length } from "../wire/icmpv4.ts";
import { emitIcmpv6, ICMPV6_UNREACHABLE, type Icmpv6Message, icmpv6Length } from "../wire/icmpv6.ts";
import { emitIp, ipHeaderLength } from "../wire/ip.ts";
import { IP_PROTOCOL } from "../wire/ip_packet.ts";
import type { FrameWriter, Route } from "./frame_writer.ts";
import type { Unreachable } from "./icmp_error.ts";

const CODES_4: Readonly<Record<Unreachable, number>> = {
  network: ICMPV4_UNREACHABLE.NET,
  host: ICMPV4_UNREACHABLE.HOST,
  port: ICMPV4_UNREACHABLE.PORT,
  prohibited: ICMPV4_UNREACHABLE.ADMINISTRATIVELY_PROHIBITED,
};
const CODES_6: Readonly<Record<Unreachable, number>> = {
  network: ICMPV6_UNREACHABLE.NO_ROUTE,
  host: ICMPV6_UNREACHABLE.ADDRESS,
  port: ICMPV6_UNREACHABLE.PORT,
  prohibited: ICMPV6_UNREACHABLE.ADMINISTRATIVELY_PROHIBITED,
};
const HOP_LIMIT = 64;

/** What is quoted of a packet: who sent it to whom, and the start of its transport header, 8 bytes of which tell the flow. */
export type Quoted = {
  /** The packet's own way: from the sandbox to the outside. */
  readonly route: Route;
  readonly protocol: number;
  readonly payload: Uint8Array;
};

/** The destination itself says so, whoever it was on the way. */
export function sendUnreachable(writer: FrameWriter, quoted: Quoted, why: Unreachable): void {
  const kind = "destination-unreachable";
  const invokingPacket = packetOf(quoted);
  if (quoted.route.source.family === 4)
    sendIcmpv4(writer, quoted, { kind, code: CODES_4[why], nextHopMtu: 0, invokingPacket });
  else sendIcmpv6(writer, quoted, { kind, code: CODES_6[why], invokingPacket });
}

/** The way takes packets of `mtu` bytes at most: RFC 1191 section 4, RFC 4443 section 3.2. */
export function sendTooBig(writer: FrameWriter, quoted: Quoted, mtu: number): void {
  const invokingPacket = packetOf(quoted);
  const code = ICMPV4_UNREACHABLE.FRAGMENTATION_NEEDED;
  if (quoted.route.source.family === 4)
    sendIcmpv4(writer, quoted, { kind: "destination-unreachable", code, nextHopMtu: mtu, invokingPacket });
  else sendIcmpv6(writer, quoted, { kind: "packet-too-big", mtu, invokingPacket });
}

function sendIcmpv4(writer: FrameWriter, { route }: Quoted, message: Icmpv4Message): void {
  const bytes = new Uint8Array(icmpv4Length(message));
  emitIcmpv4(message, bytes, 0);
  writer.ip(back(route), IP_PROTOCOL.ICMP, bytes);
}

function sendIcmpv6(writer: FrameWriter, { route }: Quoted, message: Icmpv6Message): void {
  const bytes = new Uint8Array(icmpv6Length(message));
  emitIcmpv6(message, back(route), bytes, 0);
  writer.ip(back(route), IP_PROTOCOL.ICMPV6, bytes);
}

function back({ source, destination }: Route): Route {
  return { source: destination, destination: source };
}

function packetOf({ route, protocol, payload }: Quoted): Uint8Array {
  const header = { ...route, protocol, hopLimit: HOP_LIMIT };
  const length = ipHeaderLength(header);
  const packet = new Uint8Array(length + payload.length);
  emitIp(header, payload.length, packet, 0);
  packet.set(payload, length);
  return packet;
}
