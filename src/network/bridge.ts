// The bridge of a network and its ports: the uplink, a TAP device that the stack is the other end of, and one end of each member's wire. The
// bridge learns nothing: each port has the hardware addresses that it was given, and no others' frames come in by it.
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import { TapDevice } from "../net/device/tap_device.ts";
import { GATEWAY_MAC } from "../net/wire/gateway_mac.ts";
import { type IpAddress, parseIpAddress } from "../net/wire/ip_address.ts";
import { type MacAddress, putMacAddress } from "../net/wire/mac_address.ts";
import type { FailedRequest } from "../netlink/acknowledgement.ts";
import { addAddress } from "../netlink/address.ts";
import { setBridgePort } from "../netlink/bridge_port.ts";
import { createBridge, createVeth, enslaveLink, setLink } from "../netlink/link.ts";
import type { Request } from "../netlink/message.ts";
import { addForwarding, addNeighbour, deleteNeighbour } from "../netlink/neighbour.ts";
import { addDefaultRoute } from "../netlink/route.ts";
import { TAP_INDEX } from "../netlink/tap_requests.ts";
import type { NetworkAddresses } from "../spec/spec.ts";
import type { Allotted } from "./allotment.ts";
import { type BridgeNamespace, UPLINK } from "./bridge_namespace.ts";
import type { NetworkDefinition } from "./definition.ts";
import { NetlinkSocket } from "./netlink_socket.ts";
import { NetworkError } from "./network_error.ts";

const BRIDGE = { name: "br0", index: 10 } as const;
/** Of the members' ends here; in a member its own is the only link. */
const FIRST_PORT = 2000;
const OWN_LINK = { name: "eth0", index: TAP_INDEX } as const;
/** Frames that may wait while the supervisor is busy. */
const QUEUE_LENGTH = 4096;
const NO_FAMILY: readonly number[] = [ERRNO.EAFNOSUPPORT, ERRNO.EOPNOTSUPP, ERRNO.EACCES];
const PORT = { learning: false, unicastFlood: false } as const;

/** What a member's child has sent: its network namespace, and a netlink socket of it. Taken over. */
export type MemberNamespace = { readonly namespace: Fd; readonly netlink: Fd };

export class Bridge implements Disposable {
  readonly device: TapDevice;
  readonly #definition: NetworkDefinition;
  readonly #namespace: Fd;
  readonly #netlink: NetlinkSocket;

  /** Takes the namespace over, in which nothing is set up yet. Throws NetworkError. */
  constructor(definition: NetworkDefinition, { namespace, netlink, tap }: BridgeNamespace) {
    this.#definition = definition;
    this.#namespace = namespace;
    this.#netlink = new NetlinkSocket(netlink);
    this.device = new TapDevice(tap);
    const { mtu } = definition;
    this.#perform([
      createBridge({ ...BRIDGE, settings: { mtu } }),
      setLink(UPLINK.index, { mtu, queueLength: QUEUE_LENGTH }),
      enslaveLink(UPLINK.index, BRIDGE.index),
      setBridgePort(UPLINK.index, { ...PORT, locked: false }),
      addForwarding(UPLINK.index, GATEWAY_MAC),
      setLink(UPLINK.index, { up: true }),
      setLink(BRIDGE.index, { up: true }),
    ]);
  }

  /** Gives a member's network namespace its one link; the way to ask things of it. Throws NetworkError. */
  attach(member: MemberNamespace, allotted: Allotted): NetlinkSocket {
    using namespace = member.namespace;
    const { mtu } = this.#definition;
    const hardwareAddress = macBytes(allotted.hardwareAddress);
    const port = FIRST_PORT + allotted.id;
    const netlink = new NetlinkSocket(member.netlink);
    try {
      this.#perform([
        createVeth(
          { name: `m${allotted.id}`, index: port, settings: { mtu } },
          { ...OWN_LINK, peerNamespace: namespace.number, settings: { mtu, hardwareAddress } },
        ),
        enslaveLink(port, BRIDGE.index),
        setBridgePort(port, { ...PORT, locked: true }),
        addForwarding(port, hardwareAddress),
        setLink(port, { up: true }),
      ]);
      this.#setUp(netlink, allotted);
    } catch (error) {
      netlink[Symbol.dispose]();
      throw error;
    }
    return netlink;
  }

  [Symbol.dispose](): void {
    this.#netlink[Symbol.dispose]();
    this.device.close();
    this.#namespace.close();
  }

  // No link-local address, so no solicitations. A kernel without IPv6, or with IPv6 turned off, does not know what is meant.
  #setUp(netlink: NetlinkSocket, { ipv4, ipv6 }: Allotted): void {
    netlink.ask([setLink(OWN_LINK.index, { noLinkLocal: true })]);
    refuse(netlink.ask([setLink(OWN_LINK.index, { up: true }), ...(ipv4 ? this.#familyRequests(ipv4) : [])]));
    const failed = ipv6 && netlink.ask(this.#familyRequests(ipv6));
    if (failed && (ipv4 === undefined || !NO_FAMILY.includes(failed.errno))) refuse(failed);
  }

  #familyRequests({ address, prefixLength, ...others }: NetworkAddresses): readonly Request[] {
    const [gateway, nameserver] = [at(others.gateway), at(others.nameserver)];
    return [
      addAddress(OWN_LINK.index, at(address), prefixLength),
      ...[gateway, nameserver].map((neighbour) => addNeighbour(OWN_LINK.index, neighbour, GATEWAY_MAC)),
      ...(this.#definition.internal ? [] : [addDefaultRoute(OWN_LINK.index, gateway)]),
    ];
  }

  #perform(requests: readonly Request[]): void {
    refuse(this.#netlink.ask(requests));
  }
}

/** That `other` is to be found where it was put: nobody has to ask, and nobody else can answer. */
export function neighbours(other: Allotted): readonly Request[] {
  return addressesOf(other).map((address) => addNeighbour(OWN_LINK.index, address, macBytes(other.hardwareAddress)));
}

export function noNeighbours(other: Allotted): readonly Request[] {
  return addressesOf(other).map((address) => deleteNeighbour(OWN_LINK.index, address));
}

function addressesOf({ ipv4, ipv6 }: Allotted): readonly IpAddress[] {
  return [ipv4, ipv6].flatMap((texts) => (texts ? [at(texts.address)] : []));
}

function refuse(failed: FailedRequest | undefined): void {
  if (failed === undefined) return;
  const { request, errno, words } = failed;
  throw new NetworkError(
    `${words ?? "the kernel refused"} (${request.shown}: ${errnoName(errno)})`,
    errnoName(errno) === "EOPNOTSUPP" ? "load what it needs: sudo modprobe -a bridge veth" : "see: sandbox doctor",
    errno,
  );
}

function macBytes(address: MacAddress): Uint8Array {
  const bytes = new Uint8Array(6);
  putMacAddress(bytes, 0, address);
  return bytes;
}

function at(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === undefined) throw new TypeError(`${text} is no IP address`);
  return address;
}
