// Where a connect(2) leads, by a copy of its address: to the host by a socket of the host's own, or to whatever the sandbox's kernel makes of
// it. Only what may leave without another look is for the host: what is denied, and what has to show a name first, is the stack's.
import type { Egress } from "../flow/egress.ts";
import { type Network, wayTo } from "../flow/network_way.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { get16 } from "../wire/network_order.ts";

export const [AF_UNSPEC, AF_INET, AF_INET6] = [0, 2, 10] as const;
const [IPV4_BYTES, IPV6_BYTES] = [8, 24] as const;
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] as const;

export type Target = {
  /** As the sandbox calls it; an IPv4-mapped one (RFC 4291 section 2.5.5.2) as IPv4. */
  readonly address: IpAddress;
  readonly port: number;
};
/** `host`: what the host is asked for in its place. */
export type HostTarget = Target & { readonly host: IpAddress };

/** sa_family, which is in the machine's own order. */
export function familyOf(sockaddr: Uint8Array): number {
  return (sockaddr[0] ?? 0) | ((sockaddr[1] ?? 0) << 8);
}

/** struct sockaddr_in and sockaddr_in6; `undefined` for others, and for those of one link. */
export function targetOf(sockaddr: Uint8Array): Target | undefined {
  const family = familyOf(sockaddr);
  if (family === AF_INET && sockaddr.length >= IPV4_BYTES)
    return { address: { family: 4, bytes: sockaddr.slice(4, 8) }, port: get16(sockaddr, 2) };
  if (family !== AF_INET6 || sockaddr.length < IPV6_BYTES || sockaddr.subarray(24, 28).some((byte) => byte !== 0))
    return undefined;
  const bytes = sockaddr.slice(8, 24);
  const isMapped = MAPPED_PREFIX.every((byte, i) => bytes[i] === byte);
  return { address: isMapped ? { family: 4, bytes: bytes.slice(12) } : { family: 6, bytes }, port: get16(sockaddr, 2) };
}

/** `undefined`: not for the host. */
export function hostTarget(network: Network, egress: Egress, target: Target, now: number): HostTarget | undefined {
  const host = wayTo(network, target.address);
  if (host === undefined || target.port === 0) return undefined;
  return egress.letsPass(target.address, target.port, now) ? { ...target, host } : undefined;
}

/** As an address for a socket of `family`. */
export function addressFor(family: 4 | 6, { family: own, bytes }: IpAddress): IpAddress {
  return family === own ? { family: own, bytes } : { family: 6, bytes: Uint8Array.of(...MAPPED_PREFIX, ...bytes) };
}
