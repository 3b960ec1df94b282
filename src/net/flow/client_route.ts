// As whom a client of a published port is seen inside: by its own address where that cannot be mistaken for one of the sandbox's own
// network or of its loopback, else by the gateway's; and from which port.
import { contains, type IpAddress, type IpPrefix } from "../wire/ip_address.ts";
import type { Route } from "./frame_writer.ts";
import type { NetworkAddresses } from "./network_addresses.ts";
import { isOfTheHost } from "./network_way.ts";

/** RFC 4291 section 2.5.6: on another link such an address is somebody else's. IPv4's 169.254.0.0/16 is the same, RFC 3927. */
const LINK_LOCAL: readonly IpPrefix[] = [
  { address: { family: 4, bytes: Uint8Array.of(169, 254, 0, 0) }, length: 16 },
  { address: { family: 6, bytes: Uint8Array.from({ length: 16 }, (_, i) => [0xfe, 0x80][i] ?? 0) }, length: 10 },
];
const [FIRST_PORT, PORTS] = [1024, 65_536 - 1024];
const MOST_TRIES = 64;

/** A client of a family that the sandbox's network has not comes by the other one; `undefined` where there is none. */
export function clientRoute(addresses: NetworkAddresses, client: IpAddress): Route | undefined {
  const own = addresses.of(client.family) ?? addresses.families[0];
  if (own === undefined) return undefined;
  const isTold =
    own.sandbox.family === client.family &&
    addresses.destination(client) === "beyond" &&
    !isOfTheHost(client) &&
    !LINK_LOCAL.some((prefix) => contains(prefix, client));
  return { source: isTold ? client : own.gateway, destination: own.sandbox };
}

/** The client's own, or any that is free: two clients may have the gateway's address and the same port. */
export function clientPort(
  wanted: number,
  isTaken: (port: number) => boolean,
  random: () => number,
): number | undefined {
  let port = wanted;
  for (let i = 0; i < MOST_TRIES; i++) {
    if (port !== 0 && !isTaken(port)) return port;
    port = FIRST_PORT + (random() % PORTS);
  }
  return undefined;
}
