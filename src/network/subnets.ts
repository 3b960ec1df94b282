// Networks that `sandbox network create` chooses itself: 10.89.N.0/24, where users of podman(1) look for them, and an IPv6 network of
// 40 random bits (RFC 4193 section 3.2.2). Pure.
import { contains, formatPrefix, type IpPrefix, parsePrefix } from "../net/wire/ip_address.ts";

/** Two networks have an address in common. */
export function overlaps(a: IpPrefix, b: IpPrefix): boolean {
  return contains(a, b.address) || contains(b, a.address);
}

/** The first of 10.89.0.0/24, 10.89.1.0/24, ... that overlaps none of `taken`. */
export function freeSubnet(taken: readonly IpPrefix[]): IpPrefix | undefined {
  for (let third = 0; third < 256; third++) {
    const prefix = parsePrefix(`10.89.${third}.0/24`);
    if (prefix !== undefined && !taken.some((other) => overlaps(prefix, other))) return prefix;
  }
  return undefined;
}

/** fd00::/8, the global id of `random` (5 bytes), subnet 0. */
export function uniqueLocal(random: Uint8Array): IpPrefix {
  const bytes = new Uint8Array(16);
  bytes[0] = 0xfd;
  bytes.set(random.subarray(0, 5), 1);
  return { address: { family: 6, bytes }, length: 64 };
}

/** The one of `others` that `prefix` overlaps, for people. */
export function overlapped(
  prefix: IpPrefix,
  others: readonly { readonly name: string; readonly prefix: IpPrefix }[],
): string | undefined {
  const found = others.find((other) => overlaps(prefix, other.prefix));
  return found && `${formatPrefix(found.prefix)} of the network ${found.name}`;
}
