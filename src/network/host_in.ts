// An address of a network by its number in it.
import type { IpAddress, IpPrefix } from "../net/wire/ip_address.ts";

/** `host` below 2^32, and below the size of the network. */
export function hostIn({ address }: IpPrefix, host: number): IpAddress {
  const bytes = address.bytes.slice();
  let rest = host;
  for (let at = bytes.length - 1; rest > 0; at--) {
    const sum = (bytes[at] ?? 0) + (rest % 256);
    bytes[at] = sum;
    rest = Math.floor(rest / 256) + (sum > 255 ? 1 : 0);
  }
  return { family: address.family, bytes };
}
