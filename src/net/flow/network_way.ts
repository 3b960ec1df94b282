// Where a packet goes on the host: to the address that it names, to the host's own loopback in the gateway's place, or nowhere.
import type { IpAddress } from "../wire/ip_address.ts";
import type { NetworkAddresses } from "./network_addresses.ts";

export type Network = {
  readonly addresses: NetworkAddresses;
  readonly mtu: number;
  readonly hostLoopback: boolean;
};

const LOOPBACK: Readonly<Record<4 | 6, IpAddress>> = {
  4: { family: 4, bytes: Uint8Array.of(127, 0, 0, 1) },
  6: { family: 6, bytes: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1) },
};

/** The address that the host is asked for; `undefined` where there is none. */
export function wayTo({ addresses, hostLoopback }: Network, destination: IpAddress): IpAddress | undefined {
  switch (addresses.destination(destination)) {
    case "beyond":
      return isOfTheHost(destination) ? undefined : destination;
    case "gateway":
      return hostLoopback ? LOOPBACK[destination.family] : undefined;
    case "nameserver":
    case "sandbox":
    case "nobody":
      return undefined;
  }
}

/** Addresses by which a socket of the host's reaches the host itself, or many: unspecified, loopback, multicast, broadcast. */
export function isOfTheHost({ family, bytes }: IpAddress): boolean {
  const [first = 0] = bytes;
  if (family === 4) return first === 0 || first === 127 || first >= 224;
  if (first === 0xff) return true;
  // ::, ::1, IPv4-mapped and IPv4-compatible ones (RFC 4291 section 2.5.5), which sockets of the host's take for IPv4.
  return bytes.subarray(0, 10).every((byte) => byte === 0);
}
