// The IPv4 header: RFC 791 section 3.1. Options are skipped, as most routers do (RFC 7126); we send none.
import { complement, isIntact, sum } from "./checksum.ts";
import type { IpAddress } from "./ip_address.ts";
import type { Fragment, IpHeader, IpPacket } from "./ip_packet.ts";
import { get16, get32, put16, put32 } from "./network_order.ts";

/** Without options. */
export const IPV4_HEADER_LENGTH = 20;

const VERSION_IHL = 0;
const TYPE_OF_SERVICE = 1;
const TOTAL_LENGTH = 2;
const IDENTIFICATION = 4;
const FLAGS_FRAGMENT_OFFSET = 6;
const TIME_TO_LIVE = 8;
const PROTOCOL = 9;
const HEADER_CHECKSUM = 10;
const SOURCE = 12;
const DESTINATION = 16;

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const FRAGMENT_OFFSET_MASK = 0x1fff;
const IPV4_LENGTH = 4;

export type Ipv4Header = IpHeader & {
  readonly identification?: number;
  readonly dontFragment?: boolean;
};

export type Ipv4Packet = IpPacket & {
  readonly trafficClass: number;
  readonly identification: number;
  readonly dontFragment: boolean;
};

/** The packet, if its header is intact and `bytes` hold all of it; what follows it (Ethernet's padding) is left out. */
export function parseIpv4(bytes: Uint8Array): Ipv4Packet | undefined {
  const headerLength = headerLengthOf(bytes);
  const totalLength = get16(bytes, TOTAL_LENGTH);
  if (headerLength === undefined || totalLength < headerLength || totalLength > bytes.length) return undefined;
  // Offload leaves this one alone: the kernel always sums IPv4 headers.
  if (!isIntact(bytes.subarray(0, headerLength))) return undefined;
  return packetOf(bytes, headerLength, totalLength);
}

/** The packet that an ICMP error quotes: cut short, and with a header that hops may have changed (RFC 1812 section 4.3.2.3). */
export function parseQuotedIpv4(bytes: Uint8Array): Ipv4Packet | undefined {
  const headerLength = headerLengthOf(bytes);
  const totalLength = get16(bytes, TOTAL_LENGTH);
  if (headerLength === undefined || totalLength < headerLength) return undefined;
  return packetOf(bytes, headerLength, Math.min(totalLength, bytes.length));
}

/** The header of a packet with `payloadLength` bytes after it; bytes written. A fragment's identification is its header's. */
export function emitIpv4(header: Ipv4Header, payloadLength: number, into: Uint8Array, offset: number): number {
  into[offset + VERSION_IHL] = 0x40 | (IPV4_HEADER_LENGTH >> 2);
  into[offset + TYPE_OF_SERVICE] = header.trafficClass ?? 0;
  put16(into, offset + TOTAL_LENGTH, IPV4_HEADER_LENGTH + payloadLength);
  put16(into, offset + IDENTIFICATION, header.fragment?.identification ?? header.identification ?? 0);
  put16(into, offset + FLAGS_FRAGMENT_OFFSET, flagsOf(header));
  into[offset + TIME_TO_LIVE] = header.hopLimit;
  into[offset + PROTOCOL] = header.protocol;
  put16(into, offset + HEADER_CHECKSUM, 0);
  put32(into, offset + SOURCE, get32(header.source.bytes, 0));
  put32(into, offset + DESTINATION, get32(header.destination.bytes, 0));
  const checksum = complement(sum(into.subarray(offset, offset + IPV4_HEADER_LENGTH)));
  put16(into, offset + HEADER_CHECKSUM, checksum);
  return IPV4_HEADER_LENGTH;
}

/** Bytes of the header that are there; `undefined` if they aren't, or if it's another version. */
function headerLengthOf(bytes: Uint8Array): number | undefined {
  const first = bytes[VERSION_IHL] ?? 0;
  const length = (first & 0xf) << 2;
  const fits = length >= IPV4_HEADER_LENGTH && length <= bytes.length;
  return first >> 4 === 4 && fits ? length : undefined;
}

function packetOf(bytes: Uint8Array, headerLength: number, end: number): Ipv4Packet {
  return {
    source: addressAt(bytes, SOURCE),
    destination: addressAt(bytes, DESTINATION),
    protocol: bytes[PROTOCOL] ?? 0,
    hopLimit: bytes[TIME_TO_LIVE] ?? 0,
    trafficClass: bytes[TYPE_OF_SERVICE] ?? 0,
    identification: get16(bytes, IDENTIFICATION),
    dontFragment: (get16(bytes, FLAGS_FRAGMENT_OFFSET) & DONT_FRAGMENT) !== 0,
    fragment: fragmentOf(bytes),
    payload: bytes.subarray(headerLength, end),
  };
}

/** A datagram that is whole has an offset of zero and no more fragments (RFC 791 section 3.2). */
function fragmentOf(bytes: Uint8Array): Fragment | undefined {
  const field = get16(bytes, FLAGS_FRAGMENT_OFFSET);
  if ((field & (MORE_FRAGMENTS | FRAGMENT_OFFSET_MASK)) === 0) return undefined;
  return {
    identification: get16(bytes, IDENTIFICATION),
    offset: (field & FRAGMENT_OFFSET_MASK) << 3,
    moreFragments: (field & MORE_FRAGMENTS) !== 0,
  };
}

function flagsOf({ dontFragment, fragment }: Ipv4Header): number {
  const place = fragment === undefined ? 0 : (fragment.offset >> 3) | (fragment.moreFragments ? MORE_FRAGMENTS : 0);
  return place | (dontFragment === true ? DONT_FRAGMENT : 0);
}

function addressAt(bytes: Uint8Array, at: number): IpAddress {
  return { family: 4, bytes: bytes.subarray(at, at + IPV4_LENGTH) };
}
