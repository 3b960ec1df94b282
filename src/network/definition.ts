// What a network is, as its file says: NAME.json in the folder of all networks. Written by `sandbox network create`, and read as strictly as
// what a stranger has written. Pure.
import { formatPrefix, type IpPrefix, parsePrefix } from "../net/wire/ip_address.ts";

export type NetworkDefinition = {
  /** Of either family one at most, and one of both at least. */
  readonly ipv4: IpPrefix | undefined;
  readonly ipv6: IpPrefix | undefined;
  readonly mtu: number;
  /** Members reach each other and nobody else. */
  readonly internal: boolean;
  /** The host's own loopback answers at the gateway's address. */
  readonly hostLoopback: boolean;
};

/** The least that IPv6 works with (RFC 8200 section 5), and an IPv4 datagram's most, in whole blocks of 8 bytes. */
export const [LEAST_MTU, MOST_MTU] = [1280, 65520];
/** Room for the network itself, the gateway, the name server and a few members; a /64 of IPv6 is what others expect. */
export const LONGEST = { 4: 28, 6: 112 } as const;
const SHORTEST = { 4: 8, 6: 16 } as const;
const FIELDS = ["ipv4", "ipv6", "mtu", "internal", "hostLoopback"] as const;

export type Read = { readonly kind: "read"; readonly definition: NetworkDefinition } | ReadProblem;
export type ReadProblem = { readonly kind: "problem"; readonly cause: string };

export function formatDefinition({ ipv4, ipv6, ...rest }: NetworkDefinition): string {
  const text = (prefix: IpPrefix | undefined): string | null => (prefix ? formatPrefix(prefix) : null);
  return `${JSON.stringify({ ipv4: text(ipv4), ipv6: text(ipv6), ...rest }, null, 2)}\n`;
}

export function parseDefinition(text: string): Read {
  const fields = objectIn(text);
  if (fields === undefined) return problem("it is no JSON object");
  const extra = Object.keys(fields).find((name) => !FIELDS.some((known) => known === name));
  if (extra !== undefined) return problem(`it has a field ${JSON.stringify(extra)}, which this version does not know`);
  const { mtu, internal, hostLoopback } = fields;
  const [ipv4, ipv6] = [prefixIn(fields.ipv4, 4), prefixIn(fields.ipv6, 6)];
  if (ipv4 === "wrong") return problem("ipv4 is no network that can be used");
  if (ipv6 === "wrong") return problem("ipv6 is no network that can be used");
  if (ipv4 === undefined && ipv6 === undefined) return problem("it has neither ipv4 nor ipv6");
  if (typeof mtu !== "number" || !isMtu(mtu)) return problem(`mtu is no number from ${LEAST_MTU} to ${MOST_MTU}`);
  if (typeof internal !== "boolean") return problem("internal is neither true nor false");
  if (typeof hostLoopback !== "boolean") return problem("hostLoopback is neither true nor false");
  return { kind: "read", definition: { ipv4, ipv6, mtu, internal, hostLoopback } };
}

export function isMtu(value: number): boolean {
  return Number.isInteger(value) && value >= LEAST_MTU && value <= MOST_MTU;
}

/** Why members cannot have addresses of it; `undefined` where they can. */
export function prefixProblem(prefix: IpPrefix, family: 4 | 6): string | undefined {
  const { address, length } = prefix;
  const [first = 0] = address.bytes;
  if (address.family !== family) return `it is no IPv${family} network`;
  if (length > LONGEST[family]) return `it is too small: a network of /${LONGEST[family]} or larger is needed`;
  if (length < SHORTEST[family]) return `it is too large: /${SHORTEST[family]} is the largest`;
  const isSpecial = family === 4 ? first === 0 || first === 127 || first >= 224 : first === 0xff || first === 0;
  return isSpecial ? "addresses of it are not for machines: they are loopback's, multicast's or nobody's" : undefined;
}

function prefixIn(value: unknown, family: 4 | 6): IpPrefix | undefined | "wrong" {
  if (value === null) return undefined;
  const prefix = typeof value === "string" ? parsePrefix(value) : undefined;
  if (prefix === undefined || prefixProblem(prefix, family) !== undefined) return "wrong";
  return formatPrefix(prefix) === value ? prefix : "wrong";
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function problem(cause: string): ReadProblem {
  return { kind: "problem", cause };
}
