// Control messages of datagrams, cmsg(3): the address of this host's that one came to or is to come from (IP_PKTINFO, ip(7);
// IPV6_PKTINFO, RFC 3542 section 6), and the size of those that go or come as one piece of memory (UDP_SEGMENT, UDP_GRO, udp(7)).
import type { Address } from "./sockaddr.ts";

/** struct cmsghdr {len, level, type}. */
const [LEVEL, TYPE, DATA] = [8, 12, 16];
/** in_pktinfo {ifindex, spec_dst, addr}: spec_dst is what an answer comes from. in6_pktinfo {addr, ifindex}. */
const PACKET_INFO = {
  4: { level: 0, type: 8, length: 12, at: 4, addressLength: 4 },
  6: { level: 41, type: 50, length: 20, at: 0, addressLength: 16 },
} as const;
const SOL_UDP = 17;
const [UDP_SEGMENT, UDP_GRO] = [103, 104];

/** Room for all of those. */
export const CONTROL_BYTES = 96;

/** From `at` to `end`; `undefined` where there is none, or it is not whole. */
export function readLocalAddress(view: DataView, at: number, end: number): Address | undefined {
  for (const family of [4, 6] as const) {
    const { level, type, length, at: within, addressLength } = PACKET_INFO[family];
    const data = find(view, at, end, level, type, length);
    if (data === undefined) continue;
    const bytes = new Uint8Array(addressLength);
    for (let i = 0; i < addressLength; i++) bytes[i] = view.getUint8(data + within + i);
    return { family, bytes };
  }
  return undefined;
}

/** How long each datagram is but the last, of several that came as one; 0 where it is one. */
export function readSegmentSize(view: DataView, at: number, end: number): number {
  const data = find(view, at, end, SOL_UDP, UDP_GRO, 4);
  return data === undefined ? 0 : view.getInt32(data, true);
}

/** Where the next one goes. */
export function putLocalAddress(view: DataView, at: number, { family, bytes }: Address): number {
  const { level, type, length, at: within, addressLength } = PACKET_INFO[family];
  const next = put(view, at, level, type, length);
  for (let i = 0; i < addressLength; i++) view.setUint8(at + DATA + within + i, bytes[i] ?? 0);
  return next;
}

/** Where the next one goes. */
export function putSegmentSize(view: DataView, at: number, size: number): number {
  const next = put(view, at, SOL_UDP, UDP_SEGMENT, 2);
  view.setUint16(at + DATA, size, true);
  return next;
}

/** The data of one of that kind, with at least `length` bytes. */
function find(view: DataView, from: number, end: number, level: number, type: number, length: number) {
  for (let at = from; at + DATA <= end; at += Math.max(DATA, align(view.getUint32(at, true)))) {
    if (view.getInt32(at + LEVEL, true) !== level || view.getInt32(at + TYPE, true) !== type) continue;
    return at + DATA + length <= end ? at + DATA : undefined;
  }
  return undefined;
}

function put(view: DataView, at: number, level: number, type: number, length: number): number {
  const next = at + align(DATA + length);
  for (let i = at; i < next; i++) view.setUint8(i, 0);
  view.setUint32(at, DATA + length, true);
  view.setInt32(at + LEVEL, level, true);
  view.setInt32(at + TYPE, type, true);
  return next;
}

/** CMSG_ALIGN: whole words of 8 bytes. */
function align(length: number): number {
  return (length + 7) & ~7;
}
