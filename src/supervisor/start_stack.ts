// The network stack of a sandbox that has one of our own, as what its supervisor does in the background.
import { PcapDevice } from "../net/device/pcap_device.ts";
import { ShapedDevice } from "../net/device/shaped_device.ts";
import type { TapDevice } from "../net/device/tap_device.ts";
import { HostsTable } from "../net/dns/hosts_file.ts";
import { Egress } from "../net/flow/egress.ts";
import { type FamilyAddresses, NetworkAddresses } from "../net/flow/network_addresses.ts";
import type { BoundPort } from "../net/flow/publish.ts";
import { Stack } from "../net/flow/stack.ts";
import type { Explanation } from "../net/policy/explain_denial.ts";
import type { NetworkPolicy } from "../net/policy/policy.ts";
import { type IpAddress, parseIpAddress, parsePrefix } from "../net/wire/ip_address.ts";
import type { NetworkShape, NetworkAddresses as Texts, UserNetwork } from "../spec/spec.ts";
import type { Background } from "./background.ts";
import { hostNames } from "./host_names.ts";
import type { NetworkRecords } from "./network_records.ts";

export type StackInputs = {
  readonly network: UserNetwork;
  readonly policy: NetworkPolicy;
  readonly hostname: string | undefined;
  /** Says what was blocked. */
  readonly tell: (explanation: Explanation) => void;
  readonly records: NetworkRecords;
  /** Ports of the host's that lead into the sandbox. */
  readonly published: readonly BoundPort[];
};

/** `first`: a frame that has been read of the device. */
export type StackStarter = (tap: TapDevice, first: Uint8Array | undefined) => Background;

/** All that can be done while the device is still being made. */
export function prepareStack({ network, policy, hostname, tell, records, published }: StackInputs): StackStarter {
  const families = [network.ipv4, network.ipv6].flatMap((texts) => (texts ? [addressesOf(texts)] : []));
  const own =
    hostname === undefined ? [] : families.map(({ sandbox }) => ({ address: sandbox, names: [hostname] as const }));
  const added = network.names.hosts.map(({ name, address }) => ({ address: at(address), names: [name] as const }));
  const egress = new Egress(policy, { tell, log: records.log });
  for (const { address, names } of added) egress.know(names[0], address, performance.now());
  const gateways = network.hostLoopback ? families.map(({ gateway }) => gateway) : [];
  const names = { own: new HostsTable([...own, ...added]), ...hostNames(network.names.servers.map(at), gateways) };
  const addresses = new NetworkAddresses(families);
  return (tap, first) => {
    const shaped = network.shape ? shapedDevice(tap, network.shape) : tap;
    return new Stack({
      device: records.pcap ? new PcapDevice(shaped, records.pcap) : shaped,
      addresses,
      mtu: network.mtu,
      egress,
      names,
      published,
      first,
      sandboxMac: tap.hardwareAddress,
      now: () => performance.now(),
      random: randomWord,
      collect: () => Bun.gc(true),
    });
  };
}

const word = new Uint32Array(1);

function randomWord(): number {
  crypto.getRandomValues(word);
  return word[0] as number;
}

function shapedDevice(tap: TapDevice, { up, down, delay, loss }: NetworkShape): ShapedDevice {
  return new ShapedDevice(tap, {
    up: { rate: up, delay, loss },
    down: { rate: down, delay, loss },
    now: () => performance.now(),
    random: Math.random,
  });
}

function addressesOf({ address, prefixLength, gateway, nameserver }: Texts): FamilyAddresses {
  const prefix = parsePrefix(`${address}/${prefixLength}`);
  if (prefix === undefined) throw new TypeError(`${address}/${prefixLength} is no IP network`);
  return { sandbox: at(address), prefix, gateway: at(gateway), nameserver: at(nameserver) };
}

function at(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === undefined) throw new TypeError(`${text} is no IP address`);
  return address;
}
