// One address type for both families, so that nothing above is written twice. Text forms: RFC 4291 section 2.2 and RFC 5952 for
// IPv6; for IPv4 four decimal numbers with no leading zero, which inet_aton(3) reads as octal and others don't (RFC 6943, 3.1.1).
import { get16, put16 } from "./network_order.ts";

/** In a parsed packet `bytes` is a view of it, see {@link copyAddress}. */
export type IpAddress = {
  readonly family: 4 | 6;
  /** 4 or 16 bytes, network order. */
  readonly bytes: Uint8Array;
};

export type IpPrefix = {
  /** The bits after `length` are 0. */
  readonly address: IpAddress;
  /** In bits. */
  readonly length: number;
};

const GROUPS = 8;

/** Text of either family; `undefined` for anything else, a zone ("%eth0") included. */
export function parseIpAddress(text: string): IpAddress | undefined {
  const family = text.includes(":") ? 6 : 4;
  const bytes = family === 6 ? parseIpv6Bytes(text) : parseIpv4Bytes(text);
  return bytes && { family, bytes };
}

/** Canonical text: RFC 5952 section 4; IPv4-mapped addresses in the mixed form of its section 5. */
export function formatIpAddress(address: IpAddress): string {
  if (address.family === 4) return address.bytes.join(".");
  if (isIpv4Mapped(address)) return `::ffff:${address.bytes.subarray(12).join(".")}`;
  const groups = Array.from({ length: GROUPS }, (_, at) => get16(address.bytes, 2 * at));
  const zeros = longestZeros(groups);
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(":");
  return zeros.count < 2 ? text(0, GROUPS) : `${text(0, zeros.start)}::${text(zeros.start + zeros.count, GROUPS)}`;
}

/** With a port as URIs have it (RFC 3986 section 3.2.2): 192.0.2.1:80, [2001:db8::1]:80. */
export function formatEndpoint(address: IpAddress, port: number): string {
  const text = formatIpAddress(address);
  return `${address.family === 6 ? `[${text}]` : text}:${port}`;
}

export function equalAddresses(a: IpAddress, b: IpAddress): boolean {
  if (a.family !== b.family) return false;
  for (let at = 0; at < a.bytes.length; at++) if (a.bytes[at] !== b.bytes[at]) return false;
  return true;
}

/** The same address in bytes of its own, to outlive the packet that it was read from. */
export function copyAddress(address: IpAddress): IpAddress {
  return { family: address.family, bytes: address.bytes.slice() };
}

/** Is it within ::ffff:0:0/96 (RFC 4291 section 2.5.5.2)? */
export function isIpv4Mapped(address: IpAddress): boolean {
  return address.family === 6 && contains(IPV4_MAPPED, address);
}

/** "10.0.2.0/24", or an address alone, which is a prefix of all its bits. Bits after the length may be set; they're cleared. */
export function parsePrefix(text: string): IpPrefix | undefined {
  const [host = "", bits, more] = text.split("/");
  const address = parseIpAddress(host);
  if (address === undefined || more !== undefined) return undefined;
  const length = bits === undefined ? 8 * address.bytes.length : parseDecimal(bits, 8 * address.bytes.length);
  return length === undefined ? undefined : { address: maskAddress(address, length), length };
}

export function formatPrefix(prefix: IpPrefix): string {
  return `${formatIpAddress(prefix.address)}/${prefix.length}`;
}

/** Is `address` within `prefix`? Never across families: an IPv4-mapped address is an IPv6 one. */
export function contains(prefix: IpPrefix, address: IpAddress): boolean {
  if (prefix.address.family !== address.family) return false;
  const whole = prefix.length >> 3;
  for (let at = 0; at < whole; at++) if (prefix.address.bytes[at] !== address.bytes[at]) return false;
  const mask = octetMask(prefix.length - 8 * whole);
  return (((prefix.address.bytes[whole] ?? 0) ^ (address.bytes[whole] ?? 0)) & mask) === 0;
}

/** `address` with the bits after `length` cleared. */
export function maskAddress(address: IpAddress, length: number): IpAddress {
  const bytes = address.bytes.map((octet, at) => octet & octetMask(length - 8 * at));
  return { family: address.family, bytes };
}

/** The first `bits` bits of an octet; all for 8 and more, none for 0 and less. */
function octetMask(bits: number): number {
  return (0xff00 >> Math.max(0, Math.min(8, bits))) & 0xff;
}

function parseIpv4Bytes(text: string): Uint8Array | undefined {
  const parts = text.split(".").map((part) => parseDecimal(part, 255));
  if (parts.length !== 4 || parts.includes(undefined)) return undefined;
  return Uint8Array.from(parts as readonly number[]);
}

/** Digits with no leading zero, at most `most`. */
function parseDecimal(text: string, most: number): number | undefined {
  if (!/^(0|[1-9][0-9]{0,2})$/.test(text)) return undefined;
  const value = Number(text);
  return value <= most ? value : undefined;
}

function parseIpv6Bytes(text: string): Uint8Array | undefined {
  const [head = "", tail, more] = text.split("::");
  if (more !== undefined) return undefined;
  const before = parseGroups(head, tail === undefined);
  const after = tail === undefined ? [] : parseGroups(tail, true);
  if (before === undefined || after === undefined) return undefined;
  const missing = GROUPS - before.length - after.length;
  // "::" stands for at least one group (RFC 4291 section 2.2: "one or more").
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const bytes = new Uint8Array(16);
  before.forEach((group, at) => {
    put16(bytes, 2 * at, group);
  });
  after.forEach((group, at) => {
    put16(bytes, 2 * (before.length + missing + at), group);
  });
  return bytes;
}

/** Groups of one side of "::"; the last one may be an IPv4 address where the text ends with it. */
function parseGroups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const mixed = last && (parts.at(-1) ?? "").includes(".");
  const ipv4 = mixed ? parseIpv4Bytes(parts.pop() ?? "") : new Uint8Array(0);
  if (ipv4 === undefined || !parts.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))) return undefined;
  const groups = parts.map((part) => Number.parseInt(part, 16));
  return mixed ? [...groups, get16(ipv4, 0), get16(ipv4, 2)] : groups;
}

/** The first of the longest runs of zero groups (RFC 5952 section 4.2.3). */
function longestZeros(groups: readonly number[]): { readonly start: number; readonly count: number } {
  let best = { start: 0, count: 0 };
  for (let start = 0; start < groups.length; start++) {
    let count = 0;
    while (groups[start + count] === 0) count++;
    if (count > best.count) best = { start, count };
  }
  return best;
}

const IPV4_MAPPED: IpPrefix = {
  address: { family: 6, bytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0) },
  length: 96,
};
