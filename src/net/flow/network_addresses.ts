// Who is who on the sandbox's network: the sandbox, the gateway, the name server; everything else is beyond. Both families alike.
import { contains, equalAddresses, type IpAddress, type IpPrefix } from "../wire/ip_address.ts";

export type FamilyAddresses = {
  readonly sandbox: IpAddress;
  readonly prefix: IpPrefix;
  readonly gateway: IpAddress;
  readonly nameserver: IpAddress;
};

/** What a destination is: `nobody` is an address of the network that nobody has. */
export type Destination = "gateway" | "nameserver" | "sandbox" | "nobody" | "beyond";

export class NetworkAddresses {
  readonly families: readonly FamilyAddresses[];

  constructor(families: readonly FamilyAddresses[]) {
    this.families = families;
  }

  /** The addresses of that family, where the network has it. */
  of(family: 4 | 6): FamilyAddresses | undefined {
    return this.families.find(({ sandbox }) => sandbox.family === family);
  }

  isSandbox(address: IpAddress): boolean {
    const own = this.of(address.family);
    return own !== undefined && equalAddresses(own.sandbox, address);
  }

  destination(address: IpAddress): Destination {
    const own = this.of(address.family);
    if (own === undefined) return "nobody";
    if (!contains(own.prefix, address)) return "beyond";
    if (equalAddresses(address, own.gateway)) return "gateway";
    if (equalAddresses(address, own.nameserver)) return "nameserver";
    return equalAddresses(address, own.sandbox) ? "sandbox" : "nobody";
  }

  /** Addresses that this side answers for on the link. */
  isOurs(address: IpAddress): boolean {
    const destination = this.destination(address);
    return destination === "gateway" || destination === "nameserver";
  }
}
