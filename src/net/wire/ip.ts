// IP of either family, for layers that don't care which: the version field and the address tell.
import type { IpHeader, IpPacket } from "./ip_packet.ts";
import { emitIpv4, IPV4_HEADER_LENGTH, parseIpv4, parseQuotedIpv4 } from "./ipv4.ts";
import { emitIpv6, IPV6_FRAGMENT_HEADER_LENGTH, IPV6_HEADER_LENGTH, parseIpv6, parseQuotedIpv6 } from "./ipv6.ts";

/** By the version field (RFC 8200 section 3), not by what Ethernet says. */
export function parseIp(bytes: Uint8Array): IpPacket | undefined {
  return (bytes[0] ?? 0) >> 4 === 6 ? parseIpv6(bytes) : parseIpv4(bytes);
}

/** The packet that an ICMP error quotes, cut short. */
export function parseQuotedIp(bytes: Uint8Array): IpPacket | undefined {
  return (bytes[0] ?? 0) >> 4 === 6 ? parseQuotedIpv6(bytes) : parseQuotedIpv4(bytes);
}

/** Bytes that {@link emitIp} writes. */
export function ipHeaderLength({ source, fragment }: Pick<IpHeader, "source" | "fragment">): number {
  if (source.family === 4) return IPV4_HEADER_LENGTH;
  return IPV6_HEADER_LENGTH + (fragment === undefined ? 0 : IPV6_FRAGMENT_HEADER_LENGTH);
}

/** The header of a packet with `payloadLength` bytes after it; bytes written. */
export function emitIp(header: IpHeader, payloadLength: number, into: Uint8Array, offset: number): number {
  return header.source.family === 4
    ? emitIpv4(header, payloadLength, into, offset)
    : emitIpv6(header, payloadLength, into, offset);
}
