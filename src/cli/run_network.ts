// The network of a sandbox from all flags that are about it: the interface (parse_network.ts), names, and rules for what may leave.
import { type FaultError, requestFault, usageFault } from "../base/fault.ts";
import { searchDomains } from "../net/dns/search_domains.ts";
import { parseIpAddress } from "../net/wire/ip_address.ts";
import { isHostName, isMemberName } from "../network/messages.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import type { NetworkMode, ResolverFiles } from "../spec/root_mounts.ts";
import type { EgressRules, UserNames, UserNetwork } from "../spec/spec.ts";
import { DEFAULT_NET } from "./default_net.ts";
import { type FlagReader, optional } from "./flag_reader.ts";
import type { Membership } from "./membership.ts";
import { parseNetDelay, parseNetLoss, parseNetRate } from "./parse/network_shape.ts";
import { type Interface, type NetworkChoice, parseNetwork } from "./parse_network.ts";
import { resolverText } from "./resolver_text.ts";
import type { SharedNetwork } from "./shared_network.ts";

export type RunNetwork = {
  readonly mode: NetworkMode;
  readonly network: UserNetwork | undefined;
  readonly files: ResolverFiles | undefined;
};

/** What the host itself is called inside, where its loopback can be reached. */
const HOST_NAME = "host.sandbox.internal";
const HOST_GATEWAY = "host-gateway";
const NEEDS_SLIRP = [
  "--allow-net",
  "--deny-net",
  "--net-policy",
  "--net-log",
  "--net-pcap",
  "--net-rate",
  "--net-delay",
  "--net-loss",
  "--dns",
  "--dns-search",
  "--add-host",
  "--network-alias",
] as const;

/** Where `--net` leads to others. */
export type NetworkPlaces = {
  readonly shared?: SharedNetwork | undefined;
  readonly membership?: Membership | undefined;
};

export function runNetwork(flag: FlagReader, lookups: HostLookups, places: NetworkPlaces = {}): RunNetwork {
  const { shared, membership } = places;
  const word = flag.one("--net") ?? DEFAULT_NET;
  const { mode, network } = choiceOf(word, places);
  if (network === undefined) {
    const misplaced = NEEDS_SLIRP.find((name) => flag.one(name) !== undefined);
    if (misplaced !== undefined)
      throw usageFault(
        `Cannot use ${misplaced}`,
        `with --net ${word} there is no network of our own`,
        misplaced === "--network-alias" ? "join a network with others: --net NAME" : `drop --net ${word}`,
      );
    return { mode, network: undefined, files: shared?.resolver };
  }
  if (membership === undefined && flag.one("--network-alias") !== undefined)
    throw usageFault(
      "Cannot use --network-alias",
      "nobody else is on this network",
      "join one with others: --net NAME",
    );
  if (membership?.definition.internal) refuseOnInternal(flag, membership.network);
  const names = namesOf(flag, network);
  const rules = rulesOf(flag, lookups);
  const place = (name: string): string => (name === "-" || name.startsWith("/") ? name : `${lookups.cwd}/${name}`);
  const records = {
    ...optional("log", flag.one("--net-log"), place),
    ...optional("pcap", flag.one("--net-pcap"), place),
  };
  return {
    mode,
    network: { ...network, names, rules, ...records, ...shapeOf(flag), ...memberOf(flag, membership) },
    files: {
      ...filesOf(network, names, searchOf(flag, lookups)),
      ...(membership && { own: [network.ipv4, network.ipv6].flatMap((addresses) => addresses?.address ?? []) }),
    },
  };
}

function onNamed({ definition: { mtu, hostLoopback }, ipv4, ipv6 }: Membership) {
  return { mode: "named", network: { interface: "eth0", mtu, ipv4, ipv6, hostLoopback } } as const;
}

function memberOf(flag: FlagReader, membership: Membership | undefined): Pick<UserNetwork, "member"> {
  if (membership === undefined) return {};
  const aliases = flag.all("--network-alias");
  const wrong = aliases.find((name) => !isMemberName(name.toLowerCase()));
  if (wrong !== undefined)
    throw usageFault(`Cannot use --network-alias ${wrong}`, "it is no name that a host can have there");
  const names = [...flag.all("--hostname"), ...aliases].map((name) => name.toLowerCase()).filter(isMemberName);
  return { member: { network: membership.network, names: [...new Set(names)] } };
}

const LEADS_OUT = ["--allow-net", "--deny-net", "--net-policy"] as const;

/** There is nothing that they could speak of. */
function refuseOnInternal(flag: FlagReader, network: string): void {
  const misplaced = LEADS_OUT.find((name) => flag.one(name) !== undefined);
  if (misplaced !== undefined)
    throw usageFault(`Cannot use ${misplaced}`, `nothing leaves the network ${network}: it is internal`, "drop it");
}

function choiceOf(word: string, { shared, membership }: NetworkPlaces): NetworkChoice {
  if (shared) return { mode: "shared", network: undefined };
  return membership ? onNamed(membership) : parseNetwork("--net", word);
}

function shapeOf(flag: FlagReader): Pick<UserNetwork, "shape"> {
  const [rate, delay, loss] = [flag.one("--net-rate"), flag.one("--net-delay"), flag.one("--net-loss")];
  if (rate === undefined && delay === undefined && loss === undefined) return {};
  return {
    shape: {
      ...(rate === undefined ? {} : parseNetRate("--net-rate", rate)),
      delay: delay === undefined ? 0 : parseNetDelay("--net-delay", delay),
      loss: loss === undefined ? 0 : parseNetLoss("--net-loss", loss),
    },
  };
}

function namesOf(flag: FlagReader, network: Interface): UserNames {
  for (const address of flag.all("--dns"))
    if (parseIpAddress(address) === undefined)
      throw usageFault(`Cannot use --dns ${address}`, "it is no IP address", "give one: --dns 192.0.2.53");
  const own = network.hostLoopback ? gatewaysOf(network).map((address) => ({ name: HOST_NAME, address })) : [];
  const added = flag.all("--add-host").flatMap((text) => addedHosts(text, network));
  return { servers: flag.all("--dns"), hosts: [...own, ...added] };
}

/** `NAME:ADDRESS`, as docker has it. */
function addedHosts(text: string, network: Interface): UserNames["hosts"] {
  const at = text.indexOf(":");
  const [name, address] = [text.slice(0, at).toLowerCase(), text.slice(at + 1).replace(/^\[(.*)\]$/, "$1")];
  const wrong = (cause: string): FaultError =>
    usageFault(`Cannot use --add-host ${text}`, cause, "give a name and an address: --add-host db.local:192.0.2.7");
  if (at < 0 || !isHostName(name)) throw wrong("it has no name of a host");
  if (address === HOST_GATEWAY) return gatewaysOf(network).map((gateway) => ({ name, address: gateway }));
  if (parseIpAddress(address) === undefined) throw wrong(`${address} is no IP address`);
  return [{ name, address }];
}

function gatewaysOf({ ipv4, ipv6 }: Interface): readonly string[] {
  return [ipv4, ipv6].flatMap((addresses) => (addresses ? [addresses.gateway] : []));
}

function rulesOf(flag: FlagReader, lookups: HostLookups): EgressRules {
  const rules = { allow: flag.all("--allow-net"), deny: flag.all("--deny-net") };
  const name = flag.one("--net-policy");
  if (name === undefined) return rules;
  const text = lookups.text(name.startsWith("/") ? name : `${lookups.cwd}/${name}`);
  if (text === undefined)
    throw requestFault(`Cannot read ${name} (--net-policy)`, "there is no such file, or it may not be read");
  return { ...rules, file: { name, text } };
}

/** The host's domains, or those of --dns-search; `.` is none. */
function searchOf(flag: FlagReader, lookups: HostLookups): readonly string[] {
  const asked = flag.all("--dns-search");
  if (asked.length === 0) return searchDomains(lookups.text("/etc/resolv.conf") ?? "");
  for (const domain of asked)
    if (!/^[\w.-]{1,253}$/.test(domain))
      throw usageFault(
        `Cannot use --dns-search ${domain}`,
        "it is no name of a domain",
        "give one: --dns-search example.com",
      );
  return asked.filter((domain) => domain !== ".");
}

/** resolv.conf(5) and hosts(5) inside. */
function filesOf({ ipv4, ipv6 }: Interface, { hosts }: UserNames, search: readonly string[]): ResolverFiles {
  const nameservers = [ipv4, ipv6].flatMap((addresses) => (addresses ? [addresses.nameserver] : []));
  return {
    resolvConf: resolverText(nameservers, search),
    hosts: hosts.map(({ name, address }) => `${address} ${name}\n`).join(""),
  };
}
