// The network stack of a sandbox that has one of our own, as what its supervisor does in the background.
import type { Fd } from "../../ffi/fd.ts";
import { receiveFd } from "../../ffi/receive_fd.ts";
import { TapDevice } from "../net/device/tap_device.ts";
import { type FamilyAddresses, NetworkAddresses } from "../net/flow/network_addresses.ts";
import { Stack } from "../net/flow/stack.ts";
import { type IpAddress, parseIpAddress, parsePrefix } from "../net/wire/ip_address.ts";
import type { Spec, NetworkAddresses as Texts } from "../spec/spec.ts";
import type { Background } from "./background.ts";

const WORD = 2 ** 32;

/** `socket`: where the device's descriptor comes by. */
export type StackStarter = (socket: Fd) => Background;

/** All that can be done while the device is still being made. */
export function prepareStack(network: NonNullable<Spec["sandbox"]["network"]>): StackStarter {
  const families = [network.ipv4, network.ipv6].flatMap((texts) => (texts ? [addressesOf(texts)] : []));
  const addresses = new NetworkAddresses(families);
  return (socket) => {
    const device = new TapDevice(receiveFd(socket, "network device"));
    socket.close();
    return new Stack({
      device,
      addresses,
      mtu: network.mtu,
      hostLoopback: network.hostLoopback,
      now: () => performance.now(),
      random: () => Math.floor(Math.random() * WORD),
    });
  };
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
