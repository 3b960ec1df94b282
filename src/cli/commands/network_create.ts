// `sandbox network create NAME`.
import { requestFault, usageFault } from "../../base/fault.ts";
import { hostLookups } from "../../host/read_lookups.ts";
import { formatPrefix, type IpPrefix, parsePrefix } from "../../net/wire/ip_address.ts";
import { isMtu, LEAST_MTU, MOST_MTU, type NetworkDefinition, prefixProblem } from "../../network/definition.ts";
import { nameProblem } from "../../network/network_name.ts";
import type { NamedNetwork } from "../../network/networks_folder.ts";
import { freeSubnet, overlapped, overlaps, uniqueLocal } from "../../network/subnets.ts";
import type { Parsed } from "../command.ts";
import { type FlagReader, flagReader } from "../flag_reader.ts";
import { networksFolder, onNetwork } from "../networks.ts";
import { print } from "../print.ts";

const TEMPORARY_BYTES = 8;
const GLOBAL_ID_BYTES = 5;

export function networkCreate(parsed: Parsed): number {
  const [name = ""] = parsed.positionals;
  const problem = nameProblem(name);
  if (problem !== undefined) throw usageFault(`Cannot call a network ${JSON.stringify(name)}`, problem);
  const flag = flagReader(parsed);
  const asked = { ipv4: prefixOf(flag, "--subnet", 4), ipv6: prefixOf(flag, "--ipv6", 6), mtu: mtuOf(flag) };
  if (asked.ipv4 === "off" && asked.ipv6 === "off")
    throw usageFault(
      `Cannot create the network ${name}`,
      "it would have no addresses",
      "drop --subnet off or --ipv6 off",
    );
  if (flag.has("--internal") && flag.has("--host-loopback"))
    throw usageFault("Cannot use --host-loopback", "nobody leaves a network that is --internal", "drop one of the two");
  const networks = networksFolder(hostLookups(process.env));
  onNetwork("create", name, () => {
    const others = networks.all();
    const definition: NetworkDefinition = {
      ipv4: chosen(name, asked.ipv4, others, "--subnet", () => freeSubnet(prefixes(others))),
      ipv6: chosen(name, asked.ipv6, others, "--ipv6", () => uniqueLocal(random(GLOBAL_ID_BYTES))),
      mtu: asked.mtu,
      internal: flag.has("--internal"),
      hostLoopback: flag.has("--host-loopback"),
    };
    if (!networks.create(name, definition, random(TEMPORARY_BYTES).toHex())) throw isTaken(name);
  });
  print(`${name}\n`);
  return 0;
}

function prefixOf(flag: FlagReader, name: "--subnet" | "--ipv6", family: 4 | 6): IpPrefix | "off" | undefined {
  const text = flag.one(name);
  if (text === undefined || text === "off") return text;
  const prefix = text.includes("/") ? parsePrefix(text) : undefined;
  const example = family === 4 ? "10.89.7.0/24" : "fd12:3456:789a::/64";
  const cause = prefix === undefined ? `it is no IPv${family} network` : prefixProblem(prefix, family);
  if (prefix !== undefined && cause === undefined) return prefix;
  throw usageFault(`Cannot use ${name} ${text}`, cause ?? "", `give one as ${name} ${example}, or off`);
}

function mtuOf(flag: FlagReader): number {
  const text = flag.one("--mtu") ?? String(MOST_MTU);
  if (/^\d{1,5}$/.test(text) && isMtu(Number(text))) return Number(text);
  throw usageFault(`Cannot use --mtu ${text}`, `it is no number from ${LEAST_MTU} to ${MOST_MTU}`);
}

function chosen(
  name: string,
  asked: IpPrefix | "off" | undefined,
  others: readonly NamedNetwork[],
  flag: string,
  choose: () => IpPrefix | undefined,
): IpPrefix | undefined {
  if (others.some((other) => other.name === name)) throw isTaken(name);
  if (asked === "off") return undefined;
  const prefix = asked ?? choose();
  if (prefix === undefined)
    throw requestFault(
      `Cannot create the network ${name}`,
      "no free network is left of 10.89.0.0/16",
      `give one: ${flag} CIDR`,
    );
  const named = others.flatMap(({ name: other, definition: { ipv4, ipv6 } }) =>
    [ipv4, ipv6].flatMap((one) => (one ? [{ name: other, prefix: one }] : [])),
  );
  const other = overlapped(prefix, named);
  if (other === undefined) return prefix;
  const free = prefix.address.family === 4 && freeSubnet(prefixes(others));
  const hint =
    free && !overlaps(free, prefix) ? `give another: ${flag} ${formatPrefix(free)}` : `give another: ${flag} CIDR`;
  throw requestFault(`Cannot create the network ${name}`, `${formatPrefix(prefix)} overlaps ${other}`, hint);
}

function prefixes(networks: readonly NamedNetwork[]): readonly IpPrefix[] {
  return networks.flatMap(({ definition: { ipv4, ipv6 } }) => [ipv4, ipv6].flatMap((prefix) => prefix ?? []));
}

function isTaken(name: string) {
  return requestFault(
    `Cannot create the network ${name}`,
    "there is a network of that name",
    `take it away: sandbox network rm ${name}\nor see what it is: sandbox network inspect ${name}`,
  );
}

function random(bytes: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(bytes));
}
