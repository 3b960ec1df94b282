// IPv6 addresses with an IPv4 address inside: a packet sent to one arrives at the other, so that rules for IPv4 must hold
// for both. An address may be read in more than one way (a NAT64 prefix of unknown length, Teredo's server and client):
// who forbids asks whether ANY reading is forbidden, who allows asks whether EVERY reading is allowed.
import { contains, type IpAddress, type IpPrefix, parsePrefix } from "../wire/ip_address.ts";

export type Readings = readonly [IpAddress, ...IpAddress[]];

type Range = {
  readonly prefix: IpPrefix;
  /** Each entry: where the four bytes of one reading are. */
  readonly embedded: readonly (readonly [number, number, number, number])[];
  /** Teredo's client is written with each bit inverted, lest a NAT on the way rewrites it (RFC 4380, section 4). */
  readonly inverted?: boolean;
};

const LAST_FOUR = [12, 13, 14, 15] as const;

const RANGES: readonly Range[] = [
  /** IPv4-mapped, RFC 4291, section 2.5.5.2. */
  { prefix: prefixOf("::ffff:0:0/96"), embedded: [LAST_FOUR] },
  /** IPv4-translated, RFC 2765, section 2.1. */
  { prefix: prefixOf("::ffff:0:0:0/96"), embedded: [LAST_FOUR] },
  /** NAT64's well-known prefix, RFC 6052, section 2.1. */
  { prefix: prefixOf("64:ff9b::/96"), embedded: [LAST_FOUR] },
  /** NAT64's local prefix, RFC 8215: a network takes a part of it of any length RFC 6052, section 2.2, knows; byte 8 is skipped. */
  { prefix: prefixOf("64:ff9b:1::/48"), embedded: [LAST_FOUR, [6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12]] },
  /** 6to4, RFC 3056, section 2. */
  { prefix: prefixOf("2002::/16"), embedded: [[2, 3, 4, 5]] },
  /** Teredo, RFC 4380, section 4: the client, to whom the packet goes; its server is read below. */
  { prefix: prefixOf("2001::/32"), embedded: [LAST_FOUR], inverted: true },
  { prefix: prefixOf("2001::/32"), embedded: [[4, 5, 6, 7]] },
  /** IPv4-compatible, RFC 4291, section 2.5.5.1; `::` and `::1` are none. */
  { prefix: prefixOf("::/96"), embedded: [LAST_FOUR] },
];

/** The addresses that rules are to be matched with: the address itself unless it holds others. */
export function foldAddress(address: IpAddress): Readings {
  if (address.family === 4 || isUnspecifiedOrLoopback(address.bytes)) return [address];
  const [first, ...others] = plausible(RANGES.flatMap((range) => readingsIn(range, address)));
  return first ? [first, ...others] : [address];
}

/** Whether every address of the prefix would be folded: who writes a rule so, means that form of the address. */
export function isFoldedPrefix(prefix: IpPrefix): boolean {
  return RANGES.some((range) => range.prefix.length <= prefix.length && contains(range.prefix, prefix.address));
}

function readingsIn({ prefix, embedded, inverted }: Range, address: IpAddress): readonly IpAddress[] {
  if (!contains(prefix, address)) return [];
  return embedded.map((positions) => ({
    family: 4,
    bytes: Uint8Array.from(positions, (at) => (address.bytes[at] ?? 0) ^ (inverted ? 0xff : 0)),
  }));
}

/** Of several readings, those within 0.0.0.0/8 are the trace of another length's zeros; no host has such an address. */
function plausible(readings: readonly IpAddress[]): readonly IpAddress[] {
  const reachable = readings.filter(({ bytes }) => bytes[0] !== 0);
  return reachable.length > 0 ? reachable : readings;
}

function isUnspecifiedOrLoopback(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 15).every((byte) => byte === 0) && (bytes[15] ?? 0) <= 1;
}

function prefixOf(text: string): IpPrefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new Error(`not a prefix: ${text}`);
  return prefix;
}
