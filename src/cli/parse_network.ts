// --net MODE[:OPTION,...]: which network a sandbox gets, and the addresses of the one that is our own. They are those that users of
// slirp4netns(1) know: 10.0.2.100/24, the gateway at .2, names at .3; beside it a unique local IPv6 network (RFC 4193).
import { usageFault } from "../base/fault.ts";
import { formatIpAddress, parsePrefix } from "../net/wire/ip_address.ts";
import { isMtu, LEAST_MTU, MOST_MTU } from "../network/definition.ts";
import { hostIn } from "../network/host_in.ts";
import { netWord } from "../spec/net_word.ts";
import type { NetworkMode } from "../spec/root_mounts.ts";
import type { NetworkAddresses, UserNetwork } from "../spec/spec.ts";

/** The part of a network of our own that `--net` itself says. */
export type Interface = Omit<UserNetwork, "names" | "rules" | "log" | "pcap" | "shape" | "member">;
/** `fast` is `slirp` with connections that bypass it. */
export type NetworkChoice = { readonly mode: NetworkMode; readonly network: Interface | undefined };

const OPTIONS = ["cidr", "mtu", "ipv6", "host-loopback"] as const;
const DEFAULT_CIDR = { 4: "10.0.2.0/24", 6: "fd00::/64" } as const;
/** Host parts of the gateway, of the name server and of the sandbox itself: decimal in IPv4, as slirp4netns; the same digits in IPv6. */
const HOSTS = { 4: { gateway: 2, nameserver: 3, own: 100 }, 6: { gateway: 2, nameserver: 3, own: 0x100 } } as const;

export function parseNetwork(flag: string, text: string): NetworkChoice {
  const [word = "", ...rest] = text.split(":");
  const kind = netWord(text);
  // Those of others are not parsed here (shared_network.ts).
  if (kind === undefined || kind === "container" || kind === "ns")
    throw networkFault(flag, text, `there is no network ${word}`);
  const options = rest.join(":");
  if (kind === "none" || kind === "host") {
    if (options !== "") throw networkFault(flag, text, `${kind} takes no options`);
    return { mode: kind, network: undefined };
  }
  const network = userNetwork(flag, text, optionsOf(flag, text, options));
  return { mode: "slirp", network: kind === "fast" ? { ...network, bypass: true } : network };
}

function optionsOf(flag: string, text: string, options: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const option of options === "" ? [] : options.split(",")) {
    const at = option.indexOf("=");
    const name = at < 0 ? option : option.slice(0, at);
    if (!OPTIONS.some((known) => known === name))
      throw networkFault(flag, text, `${text.split(":")[0]} has no option ${name}`);
    if (found.has(name)) throw networkFault(flag, text, `${name} is given twice`);
    found.set(name, at < 0 ? "" : option.slice(at + 1));
  }
  return found;
}

function userNetwork(flag: string, text: string, options: ReadonlyMap<string, string>): Interface {
  const ipv6 = options.get("ipv6") ?? "on";
  const loopback = options.get("host-loopback") ?? "off";
  if (!["", "on", "off"].includes(loopback)) throw networkFault(flag, text, "host-loopback is on or off");
  return {
    interface: "tap0",
    mtu: mtuOf(flag, text, options.get("mtu")),
    ipv4: addressesOf(flag, text, options.get("cidr") ?? DEFAULT_CIDR[4], 4),
    ipv6: ipv6 === "off" ? undefined : addressesOf(flag, text, ipv6 === "on" ? DEFAULT_CIDR[6] : ipv6, 6),
    hostLoopback: loopback !== "off",
  };
}

function mtuOf(flag: string, text: string, given: string | undefined): number {
  if (given === undefined) return MOST_MTU;
  const mtu = /^\d{1,6}$/.test(given) ? Number(given) : Number.NaN;
  if (isMtu(mtu)) return mtu;
  throw networkFault(flag, text, `mtu is a number from ${LEAST_MTU} to ${MOST_MTU}`);
}

function addressesOf(flag: string, text: string, cidr: string, family: 4 | 6): NetworkAddresses {
  const prefix = parsePrefix(cidr);
  const longest = family === 4 ? 25 : 112;
  if (prefix === undefined || prefix.address.family !== family)
    throw networkFault(flag, text, `${cidr} is no IPv${family} network, as ${DEFAULT_CIDR[family]} is`);
  if (prefix.length > longest)
    throw networkFault(flag, text, `${cidr} is too small: a network of /${longest} or larger is needed`);
  const { gateway, nameserver, own } = HOSTS[family];
  const at = (host: number): string => formatIpAddress(hostIn(prefix, host));
  return { address: at(own), prefixLength: prefix.length, gateway: at(gateway), nameserver: at(nameserver) };
}

/** What `--net` takes. */
export const NET_HINT = [
  "give none, host, slirp or fast (the last two with options: --net slirp:cidr=10.0.2.0/24,mtu=1500,ipv6=off,host-loopback),",
  "or go where another is: --net container:SANDBOX, --net ns:PATH",
  "or the name of a network: sandbox network ls",
].join("\n");

function networkFault(flag: string, text: string, cause: string) {
  return usageFault(`Cannot use ${flag} ${text}`, cause, NET_HINT);
}
