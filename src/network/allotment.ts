// Which member has which addresses: the same number in both families, and a hardware address that nobody has had before. A number that was
// given back is given again when all others have had their turn, so that what is still under way for the last one meets nobody. Pure.
import { formatIpAddress, type IpPrefix } from "../net/wire/ip_address.ts";
import type { MacAddress } from "../net/wire/mac_address.ts";
import type { NetworkAddresses } from "../spec/spec.ts";
import type { NetworkDefinition } from "./definition.ts";
import { hostIn } from "./host_in.ts";

/** Of the network itself: 0 is nobody's. */
const [GATEWAY, NAMESERVER, FIRST] = [1, 2, 3];
/** Links of one bridge (kernel, BR_PORT_BITS 10), but for the uplink. */
const MOST_MEMBERS = 1022;
/** Locally administered; the rest is a count. */
const HARDWARE = 0x02_53_00_00_00_00;

export type Allotted = {
  readonly id: number;
  readonly ipv4: NetworkAddresses | undefined;
  readonly ipv6: NetworkAddresses | undefined;
  readonly hardwareAddress: MacAddress;
};

export class Allotment {
  readonly #definition: NetworkDefinition;
  readonly #hosts: number;
  readonly #used = new Set<number>();
  #last = FIRST - 1;
  #count = 0;

  constructor(definition: NetworkDefinition) {
    this.#definition = definition;
    const sizes = [definition.ipv4, definition.ipv6].flatMap((prefix) => (prefix ? [sizeOf(prefix)] : []));
    this.#hosts = Math.min(...sizes);
  }

  /** `undefined` when all are taken. */
  take(): { readonly host: number; readonly allotted: Allotted } | undefined {
    if (this.#used.size >= Math.min(MOST_MEMBERS, this.#hosts - FIRST)) return undefined;
    do this.#last = this.#last + 1 < this.#hosts ? this.#last + 1 : FIRST;
    while (this.#used.has(this.#last));
    this.#used.add(this.#last);
    const id = ++this.#count;
    return {
      host: this.#last,
      allotted: { id, ...addressesAt(this.#definition, this.#last), hardwareAddress: HARDWARE + id },
    };
  }

  giveBack(host: number): void {
    this.#used.delete(host);
  }
}

/** Those of the first member of a network that is not there yet. */
export function firstAddresses(definition: NetworkDefinition): Pick<Allotted, "ipv4" | "ipv6"> {
  return addressesAt(definition, FIRST);
}

function addressesAt({ ipv4, ipv6 }: NetworkDefinition, host: number): Pick<Allotted, "ipv4" | "ipv6"> {
  return { ipv4: ipv4 && textsAt(ipv4, host), ipv6: ipv6 && textsAt(ipv6, host) };
}

function textsAt(prefix: IpPrefix, host: number): NetworkAddresses {
  const at = (number: number): string => formatIpAddress(hostIn(prefix, number));
  return { address: at(host), prefixLength: prefix.length, gateway: at(GATEWAY), nameserver: at(NAMESERVER) };
}

/** Without IPv4's broadcast address. A number stays below 2^24: nobody gets there. */
function sizeOf({ address, length }: IpPrefix): number {
  const bits = Math.min(24, 8 * address.bytes.length - length);
  return 2 ** bits - (address.family === 4 ? 1 : 0);
}
