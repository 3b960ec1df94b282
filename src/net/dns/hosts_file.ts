// hosts(5): names of addresses, and addresses of names. As in glibc, a name may have several addresses, one line each, and
// the first name of an address is its canonical one.
import { encodeName } from "../wire/domain_name.ts";
import { formatIpAddress, type IpAddress, parseIpAddress } from "../wire/ip_address.ts";

export type HostEntry = { readonly address: IpAddress; readonly names: readonly [string, ...string[]] };

/** Some write a hundred thousand names that they want to be rid of into it; that is read, more is not. */
const MOST_ENTRIES = 500_000;
const LONGEST_LINE = 4096;
/** Without the backslash, which would begin an escape in the wire's spelling of names. */
const HOST_NAME = /^[\x21-\x5b\x5d-\x7e]+$/;

export class HostsTable {
  readonly #addresses = new Map<string, IpAddress[]>();
  readonly #names = new Map<string, string>();

  constructor(entries: Iterable<HostEntry>) {
    for (const { address, names } of entries) {
      for (const name of names) this.#add(name, address);
      const key = formatIpAddress(address);
      if (!this.#names.has(key)) this.#names.set(key, names[0]);
    }
  }

  /** Both families; `undefined` for a name that is not in it. `name` in lower case, without the root's dot. */
  addressesOf(name: string): readonly IpAddress[] | undefined {
    return this.#addresses.get(name);
  }

  /** The canonical name. */
  nameOf(address: IpAddress): string | undefined {
    return this.#names.get(formatIpAddress(address));
  }

  #add(name: string, address: IpAddress): void {
    const addresses = this.#addresses.get(name);
    if (!addresses) this.#addresses.set(name, [address]);
    else if (!addresses.some((one) => formatIpAddress(one) === formatIpAddress(address))) addresses.push(address);
  }
}

export function parseHosts(text: string): readonly HostEntry[] {
  const entries: HostEntry[] = [];
  for (const line of text.split("\n")) {
    const entry = entryIn(line.slice(0, LONGEST_LINE));
    if (entry && entries.length < MOST_ENTRIES) entries.push(entry);
  }
  return entries;
}

/**
 * The host's own file, as the sandbox may use it: what the host calls its loopback is another machine to the sandbox, and
 * reached by `gateway` of the same family where that is allowed. Without one the address stays: it is the sandbox's own
 * loopback then, where nobody answers, which is what those want who write down names to be rid of them.
 */
export function entriesForSandbox(entries: readonly HostEntry[], gateways: readonly IpAddress[]): readonly HostEntry[] {
  return entries.map((entry) => {
    const gateway = isLoopback(entry.address) && gateways.find(({ family }) => family === entry.address.family);
    return gateway ? { ...entry, address: gateway } : entry;
  });
}

function isLoopback({ family, bytes }: IpAddress): boolean {
  if (family === 4) return bytes[0] === 127;
  return bytes.subarray(0, 15).every((byte) => byte === 0) && bytes[15] === 1;
}

function entryIn(line: string): HostEntry | undefined {
  const [, content = ""] = /^([^#]*)/.exec(line) ?? [];
  const [first = "", ...words] = content.trim().split(/\s+/);
  // A zone (fe80::1%lo0) names an interface of the host, which the sandbox does not have.
  const address = parseIpAddress(first);
  const [name, ...aliases] = words.map(hostName).filter((word) => word !== "");
  return address && name !== undefined ? { address, names: [name, ...aliases] } : undefined;
}

function hostName(word: string): string {
  const name = word.toLowerCase().replace(/\.$/, "");
  return HOST_NAME.test(name) && encodeName(name) ? name : "";
}
