// Neighbour discovery, RFC 4861: who asks for the gateway's hardware address is told, and who asks for a router gets one. The sandbox's own
// kernel asks for neither, since both are set up before its command runs; this is for programs that set up the link anew.
import { GATEWAY_MAC } from "../wire/gateway_mac.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { IP_PROTOCOL, type IpPacket } from "../wire/ip_packet.ts";
import { getMacAddress } from "../wire/mac_address.ts";
import { emitNdp, NDP_HOP_LIMIT, type NdpMessage, ndpLength, parseNdp } from "../wire/ndp.ts";
import type { FrameWriter } from "./frame_writer.ts";
import type { FamilyAddresses, NetworkAddresses } from "./network_addresses.ts";

const OURS = getMacAddress(GATEWAY_MAC, 0);
/** Seconds; the longest that RFC 4861 section 6.2.1 lets a router promise. */
const ROUTER_LIFETIME = 9000;
const ALL_NODES: IpAddress = { family: 6, bytes: Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1) };

/** True where it was of neighbour discovery. */
export function answerNeighbour(
  writer: FrameWriter,
  addresses: NetworkAddresses,
  mtu: number,
  packet: IpPacket,
): boolean {
  if (packet.protocol !== IP_PROTOCOL.ICMPV6 || packet.fragment !== undefined) return false;
  const message = parseNdp(packet.payload, packet.hopLimit, packet);
  const own = addresses.of(6);
  if (message === undefined || own === undefined) return false;
  const answer = answerTo(message, addresses, own, mtu);
  if (answer === undefined) return true;
  const isUnspecified = packet.source.bytes.every((byte) => byte === 0);
  const source = message.kind === "neighbor-solicitation" ? message.target : own.gateway;
  const route = { source, destination: isUnspecified ? ALL_NODES : packet.source };
  const bytes = new Uint8Array(ndpLength(answer));
  emitNdp(answer, route, bytes, 0);
  writer.ip(route, IP_PROTOCOL.ICMPV6, bytes, undefined, NDP_HOP_LIMIT);
  return true;
}

function answerTo(
  message: NdpMessage,
  addresses: NetworkAddresses,
  { prefix, nameserver }: FamilyAddresses,
  mtu: number,
): NdpMessage | undefined {
  switch (message.kind) {
    case "neighbor-solicitation":
      if (!addresses.isOurs(message.target)) return undefined;
      return {
        kind: "neighbor-advertisement",
        router: true,
        solicited: true,
        override: true,
        target: message.target,
        options: { targetLinkLayerAddress: OURS },
      };
    case "router-solicitation":
      return {
        kind: "router-advertisement",
        currentHopLimit: 64,
        managed: false,
        other: false,
        routerLifetime: ROUTER_LIFETIME,
        reachableTime: 0,
        retransTimer: 0,
        options: {
          sourceLinkLayerAddress: OURS,
          mtu,
          // On the link, but not to make addresses of: there is one, and it is given.
          prefixes: [
            {
              prefix,
              onLink: true,
              autonomous: false,
              validLifetime: ROUTER_LIFETIME,
              preferredLifetime: ROUTER_LIFETIME,
            },
          ],
          recursiveDnsServers: { lifetime: ROUTER_LIFETIME, addresses: [nameserver] },
        },
      };
    default:
      return undefined;
  }
}
