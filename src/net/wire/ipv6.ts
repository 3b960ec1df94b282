// The IPv6 header and its extension headers: RFC 8200 sections 3 and 4.
import type { IpAddress } from "./ip_address.ts";
import type { Fragment, IpHeader, IpPacket } from "./ip_packet.ts";
import { get16, get32, put16, put32 } from "./network_order.ts";

/** The fixed header. */
export const IPV6_HEADER_LENGTH = 40;
export const IPV6_FRAGMENT_HEADER_LENGTH = 8;

const VERSION_CLASS_FLOW = 0;
const PAYLOAD_LENGTH = 4;
const NEXT_HEADER = 6;
const HOP_LIMIT = 7;
const SOURCE = 8;
const DESTINATION = 24;
const IPV6_LENGTH = 16;

/** From the start of an extension header; all have the next header's type first. */
const EXTENSION_LENGTH = 1;
const SEGMENTS_LEFT = 3;
const FRAGMENT_OFFSET = 2;
const FRAGMENT_IDENTIFICATION = 4;
const MORE_FRAGMENTS = 1;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const DESTINATION_OPTIONS = 60;

/** RFC 8200 section 4.1 has each kind once, destination options twice; RFC 8504 section 5.3 lets a node limit their number. */
const MOST_EXTENSIONS = 8;

export type Ipv6Header = IpHeader & {
  readonly flowLabel?: number;
};

export type Ipv6Packet = IpPacket & {
  readonly trafficClass: number;
  readonly flowLabel: number;
};

/** What the extension headers lead to. */
export type UpperLayer = {
  readonly protocol: number;
  readonly fragment: Fragment | undefined;
  /** A view. */
  readonly payload: Uint8Array;
};

/** The packet, if `bytes` hold all of it; what follows it is left out. No jumbograms (RFC 2675). */
export function parseIpv6(bytes: Uint8Array): Ipv6Packet | undefined {
  const end = IPV6_HEADER_LENGTH + get16(bytes, PAYLOAD_LENGTH);
  return end > bytes.length ? undefined : packetOf(bytes, end);
}

/** The packet that an ICMPv6 error quotes: cut short (RFC 4443 section 2.4 (c)). */
export function parseQuotedIpv6(bytes: Uint8Array): Ipv6Packet | undefined {
  if (bytes.length < IPV6_HEADER_LENGTH) return undefined;
  return packetOf(bytes, Math.min(bytes.length, IPV6_HEADER_LENGTH + get16(bytes, PAYLOAD_LENGTH)));
}

/**
 * Past the extension headers, from the one of type `nextHeader` at the start of `bytes`. A fragment's payload is what its fragment
 * header is followed by, so for a reassembled one this starts anew. Types that we don't know are upper layers.
 */
export function walkExtensionHeaders(nextHeader: number, bytes: Uint8Array): UpperLayer | undefined {
  let protocol = nextHeader;
  let at = 0;
  for (let count = 0; isExtension(protocol); count++) {
    const length = extensionLength(protocol, bytes, at);
    if (count === MOST_EXTENSIONS || length === undefined || (protocol === HOP_BY_HOP && count > 0)) return undefined;
    // A route that goes on from here is not ours to follow: RFC 5095.
    if (protocol === ROUTING && bytes[at + SEGMENTS_LEFT] !== 0) return undefined;
    const fragment = protocol === FRAGMENT ? fragmentAt(bytes, at) : undefined;
    protocol = bytes[at] ?? 0;
    at += length;
    if (fragment !== undefined) return { protocol, fragment, payload: bytes.subarray(at) };
  }
  return { protocol, fragment: undefined, payload: bytes.subarray(at) };
}

/** The header of a packet with `payloadLength` bytes after it, a fragment header included where it's one; bytes written. */
export function emitIpv6(header: Ipv6Header, payloadLength: number, into: Uint8Array, offset: number): number {
  const extension = header.fragment === undefined ? 0 : IPV6_FRAGMENT_HEADER_LENGTH;
  const version = 6 * 2 ** 28 + (header.trafficClass ?? 0) * 2 ** 20 + (header.flowLabel ?? 0);
  put32(into, offset + VERSION_CLASS_FLOW, version);
  put16(into, offset + PAYLOAD_LENGTH, extension + payloadLength);
  into[offset + NEXT_HEADER] = header.fragment === undefined ? header.protocol : FRAGMENT;
  into[offset + HOP_LIMIT] = header.hopLimit;
  into.set(header.source.bytes, offset + SOURCE);
  into.set(header.destination.bytes, offset + DESTINATION);
  if (header.fragment !== undefined) putFragment(header.protocol, header.fragment, into, offset + IPV6_HEADER_LENGTH);
  return IPV6_HEADER_LENGTH + extension;
}

function packetOf(bytes: Uint8Array, end: number): Ipv6Packet | undefined {
  const first = get32(bytes, VERSION_CLASS_FLOW);
  if (first >>> 28 !== 6) return undefined;
  const upper = walkExtensionHeaders(bytes[NEXT_HEADER] ?? 0, bytes.subarray(IPV6_HEADER_LENGTH, end));
  if (upper === undefined) return undefined;
  return {
    source: addressAt(bytes, SOURCE),
    destination: addressAt(bytes, DESTINATION),
    protocol: upper.protocol,
    hopLimit: bytes[HOP_LIMIT] ?? 0,
    trafficClass: (first >>> 20) & 0xff,
    flowLabel: first & 0xfffff,
    fragment: upper.fragment,
    payload: upper.payload,
  };
}

function isExtension(type: number): boolean {
  return type === HOP_BY_HOP || type === ROUTING || type === FRAGMENT || type === DESTINATION_OPTIONS;
}

/** `undefined` where it reaches beyond the bytes. */
function extensionLength(type: number, bytes: Uint8Array, at: number): number | undefined {
  const length = type === FRAGMENT ? IPV6_FRAGMENT_HEADER_LENGTH : ((bytes[at + EXTENSION_LENGTH] ?? 0) + 1) << 3;
  return at + length > bytes.length ? undefined : length;
}

/** A fragment that is all of its packet is "atomic" and taken as no fragment (RFC 6946 section 4). */
function fragmentAt(bytes: Uint8Array, at: number): Fragment | undefined {
  const field = get16(bytes, at + FRAGMENT_OFFSET);
  const [offset, moreFragments] = [field & ~7, (field & MORE_FRAGMENTS) !== 0];
  if (offset === 0 && !moreFragments) return undefined;
  return { identification: get32(bytes, at + FRAGMENT_IDENTIFICATION), offset, moreFragments };
}

function putFragment(protocol: number, fragment: Fragment, into: Uint8Array, at: number): void {
  put16(into, at, protocol << 8);
  put16(into, at + FRAGMENT_OFFSET, fragment.offset | (fragment.moreFragments ? MORE_FRAGMENTS : 0));
  put32(into, at + FRAGMENT_IDENTIFICATION, fragment.identification);
}

function addressAt(bytes: Uint8Array, at: number): IpAddress {
  return { family: 6, bytes: bytes.subarray(at, at + IPV6_LENGTH) };
}
