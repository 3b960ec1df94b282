// The network stack of a sandbox that has one of our own, as what its supervisor does in the background.
import type { Fd } from "../../ffi/fd.ts";
import type { Device } from "../net/device/device.ts";
import { PcapDevice } from "../net/device/pcap_device.ts";
import { ShapedDevice } from "../net/device/shaped_device.ts";
import { HostsTable } from "../net/dns/hosts_file.ts";
import { Egress } from "../net/flow/egress.ts";
import { type FamilyAddresses, NetworkAddresses } from "../net/flow/network_addresses.ts";
import type { BoundPort } from "../net/flow/publish.ts";
import { Stack, type StackOptions } from "../net/flow/stack.ts";
import type { Explanation } from "../net/policy/explain_denial.ts";
import type { NetworkPolicy } from "../net/policy/policy.ts";
import { type IpAddress, parseIpAddress, parsePrefix } from "../net/wire/ip_address.ts";
import type { MacAddress } from "../net/wire/mac_address.ts";
import type { NetworkShape, NetworkAddresses as Texts, UserNetwork } from "../spec/spec.ts";
import { hostNames } from "./host_names.ts";
import type { Bypass, BypassJoiner } from "./join_bypass.ts";
import type { NetworkRecords } from "./network_records.ts";
import { PortControl } from "./port_control.ts";

export type StackInputs = {
  readonly network: UserNetwork;
  readonly policy: NetworkPolicy;
  readonly hostname: string | undefined;
  /** Says what was blocked. */
  readonly tell: (explanation: Explanation) => void;
  readonly records: NetworkRecords;
  /** Ports of the host's that lead into the sandbox. */
  readonly published: readonly BoundPort[];
  /** For a command with a listener of its connections. */
  readonly join?: BypassJoiner | undefined;
  /** Where its user's requests come in, and who that is. */
  readonly control?: { readonly listener: Fd; readonly user: number } | undefined;
  /** Of its queues, where it is to have less than a stack that is alone. */
  readonly pool?: StackOptions["pool"];
};

/** A device, and the hardware address of the sandbox behind it. */
export type SandboxDevice = Device & { readonly hardwareAddress: MacAddress };

/** `first`: a frame that has been read of the device. `bypass`: where connections may. */
export type StackStarter = (tap: SandboxDevice, first: Uint8Array | undefined, bypass?: Bypass) => Stack;

/** All that can be done while the device is still being made. */
export function prepareStack(inputs: StackInputs): StackStarter {
  const { network, policy, hostname, tell, records, published, control, join, pool } = inputs;
  const families = [network.ipv4, network.ipv6].flatMap((texts) => (texts ? [addressesOf(texts)] : []));
  const own =
    hostname === undefined ? [] : families.map(({ sandbox }) => ({ address: sandbox, names: [hostname] as const }));
  const added = network.names.hosts.map(({ name, address }) => ({ address: at(address), names: [name] as const }));
  const egress = new Egress(policy, { tell, log: records.log });
  for (const { address, names } of added) egress.know(names[0], address, performance.now());
  const gateways = network.hostLoopback ? families.map(({ gateway }) => gateway) : [];
  const names = { own: new HostsTable([...own, ...added]), ...hostNames(network.names.servers.map(at), gateways) };
  const addresses = new NetworkAddresses(families);
  return (tap, first, bypass) => {
    const shaped = network.shape ? shapedDevice(tap, network.shape) : tap;
    const stack = new Stack({
      device: records.pcap ? new PcapDevice(shaped, records.pcap) : shaped,
      addresses,
      mtu: network.mtu,
      egress,
      names,
      published,
      first,
      join: bypass && join?.(bypass, egress),
      sandboxMac: tap.hardwareAddress,
      ...(pool && { pool }),
      now: () => performance.now(),
      random: randomWord,
      collect: () => Bun.gc(true),
    });
    if (control) new PortControl(stack, control.listener, control.user);
    return stack;
  };
}

const word = new Uint32Array(1);

function randomWord(): number {
  crypto.getRandomValues(word);
  return word[0] as number;
}

function shapedDevice(tap: Device, { up, down, delay, loss }: NetworkShape): ShapedDevice {
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
