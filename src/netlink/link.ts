// Links: RTM_NEWLINK, RTM_DELLINK and RTM_GETLINK of rtnetlink(7). An index of our own choosing is allowed for every link that is
// made here, so that what follows can name it without asking. (A new namespace may hold more than `lo`: tunl0, sit0 and their like
// appear by themselves where their modules are loaded, see net.core.fb_tunnels_only_for_init_net.)
import { struct } from "../../ffi/struct.ts";
import { binary, nested, present, text, u8, u32 } from "./attribute.ts";
import { checkInterfaceName } from "./interface_name.ts";
import { type Attribute, message, NLM_F, NLMSGHDR_BYTES, type Request, valueOffset } from "./message.ts";

export const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
/** Of every new network namespace's `lo`. */
export const LOOPBACK_INDEX = 1;

const IFF_UP = 1;
const AF_INET6 = 10;
const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  MASTER: 10,
  TXQLEN: 13,
  LINKINFO: 18,
  AF_SPEC: 26,
  NET_NS_FD: 28,
} as const;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;
const CREATE = NLM_F.NLM_F_CREATE | NLM_F.NLM_F_EXCL;

/** struct ifinfomsg */
const ifinfomsg = struct({ family: "u8", pad: "u8", type: "u16", index: "s32", flags: "u32", change: "u32" });
export const IFINFOMSG_BYTES = ifinfomsg.size;

export type LinkSettings = {
  readonly up?: boolean;
  readonly mtu?: number;
  /** A new name. The link must be down for it, unless the kernel is 6.2 or later. */
  readonly name?: string;
  /** Of six bytes. */
  readonly hardwareAddress?: Uint8Array;
  /** How many packets may wait; for a TAP also the size of its ring. */
  readonly queueLength?: number;
  /**
   * No link-local IPv6 address, nor the solicitations and reports it brings. The kernel comes to this last, behind `up`: ask for it in a
   * request of its own before. Needs IPv6 in the kernel, else EAFNOSUPPORT.
   */
  readonly noLinkLocal?: boolean;
};

/** Changes the link `index`. The kernel applies address, MTU and name before it brings the link up (do_setlink). */
export function setLink(index: number, settings: LinkSettings): Request {
  const body = ifinfomsg.encode({
    index,
    flags: settings.up ? IFF_UP : 0,
    change: settings.up === undefined ? 0 : IFF_UP,
  });
  return {
    shown: `RTM_NEWLINK {${shownSettings(index, settings)}}`,
    bytes: message(RTM_NEWLINK, 0, body, attributesOf(settings)),
  };
}

/** Makes the link `index` a port of the bridge `master`. */
export function enslaveLink(index: number, master: number): Request {
  const bytes = message(RTM_NEWLINK, 0, ifinfomsg.encode({ index }), [u32(IFLA.MASTER, master)]);
  return { shown: `RTM_NEWLINK {index ${index}, IFLA_MASTER ${master}}`, bytes };
}

export type NewLink = {
  readonly name: string;
  readonly index?: number;
  readonly settings?: Omit<LinkSettings, "name">;
};

export function createBridge({ name, index = 0, settings = {} }: NewLink): Request {
  const bytes = message(RTM_NEWLINK, CREATE, bodyOf(index, settings), [
    text(IFLA.IFNAME, checkInterfaceName(name)),
    ...attributesOf(settings),
    nested(IFLA.LINKINFO, kind("bridge")),
  ]);
  return { shown: `RTM_NEWLINK {bridge, ${shownSettings(index, { name, ...settings })}}`, bytes };
}

/** `peerNamespaceAt`: where in `bytes` the 32 bits of the descriptor are, for one that is not known yet. */
export type VethRequest = Request & { readonly peerNamespaceAt?: number };

/** Two ends of one wire; `peer` in the network namespace of the descriptor `peerNamespace`, or here without one. */
export function createVeth(here: NewLink, peer: NewLink & { readonly peerNamespace?: number }): VethRequest {
  const { name, index = 0, settings = {} } = here;
  const namespace = peer.peerNamespace;
  const bytes = message(RTM_NEWLINK, CREATE, bodyOf(index, settings), [
    text(IFLA.IFNAME, checkInterfaceName(name)),
    ...attributesOf(settings),
    nested(IFLA.LINKINFO, kind("veth"), nested(IFLA_INFO_DATA, peerAttribute(peer, namespace))),
  ]);
  const shownPeer = `peer ${shownSettings(peer.index ?? 0, { name: peer.name, ...peer.settings })}`;
  const shown = `RTM_NEWLINK {veth, ${shownSettings(index, { name, ...settings })}, ${shownPeer}}`;
  const peerNamespaceAt = namespace === undefined ? undefined : peerNamespaceOffset(bytes);
  return peerNamespaceAt === undefined ? { shown, bytes } : { shown, bytes, peerNamespaceAt };
}

export function deleteLink(index: number): Request {
  return { shown: `RTM_DELLINK {index ${index}}`, bytes: message(RTM_DELLINK, 0, ifinfomsg.encode({ index }), []) };
}

/** Asks for one link; the answer is an RTM_NEWLINK, see {@link linkIndex}. */
export function getLink(name: string): Request {
  const bytes = message(RTM_GETLINK, 0, ifinfomsg.encode({}), [text(IFLA.IFNAME, checkInterfaceName(name))]);
  return { shown: `RTM_GETLINK {IFLA_IFNAME ${name}}`, bytes };
}

/** The index in the body of an RTM_NEWLINK. */
export function linkIndex(body: Uint8Array): number | undefined {
  return body.length < ifinfomsg.size ? undefined : ifinfomsg.decode(body).index;
}

function bodyOf(index: number, { up }: LinkSettings): Uint8Array {
  return ifinfomsg.encode({ index, flags: up ? IFF_UP : 0, change: up === undefined ? 0 : IFF_UP });
}

function attributesOf({ mtu, name, hardwareAddress, queueLength, noLinkLocal }: LinkSettings): readonly Attribute[] {
  return present([
    name === undefined ? undefined : text(IFLA.IFNAME, checkInterfaceName(name)),
    hardwareAddress && binary(IFLA.ADDRESS, hardwareAddress),
    mtu === undefined ? undefined : u32(IFLA.MTU, mtu),
    queueLength === undefined ? undefined : u32(IFLA.TXQLEN, queueLength),
    noLinkLocal
      ? nested(IFLA.AF_SPEC, nested(AF_INET6, u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE)))
      : undefined,
  ]);
}

function kind(name: string): Attribute {
  return text(IFLA_INFO_KIND, name);
}

// The peer is described by a message of its own without a header: struct ifinfomsg, then attributes.
function peerAttribute({ name, index = 0, settings = {} }: NewLink, namespace: number | undefined): Attribute {
  const whole = message(0, 0, bodyOf(index, settings), [
    text(IFLA.IFNAME, checkInterfaceName(name)),
    ...(namespace === undefined ? [] : [u32(IFLA.NET_NS_FD, namespace)]),
    ...attributesOf(settings),
  ]);
  return binary(VETH_INFO_PEER, whole.subarray(NLMSGHDR_BYTES));
}

function peerNamespaceOffset(bytes: Uint8Array): number | undefined {
  const peer = valueOffset(bytes, [IFLA.LINKINFO, IFLA_INFO_DATA, VETH_INFO_PEER], NLMSGHDR_BYTES + ifinfomsg.size);
  return peer === undefined ? undefined : valueOffset(bytes, [IFLA.NET_NS_FD], peer + ifinfomsg.size);
}

function shownSettings(index: number, settings: LinkSettings): string {
  const { up, mtu, name, hardwareAddress, queueLength, noLinkLocal } = settings;
  return [
    index > 0 && `index ${index}`,
    name !== undefined && `IFLA_IFNAME ${name}`,
    hardwareAddress && `IFLA_ADDRESS ${shownHardwareAddress(hardwareAddress)}`,
    mtu !== undefined && `IFLA_MTU ${mtu}`,
    queueLength !== undefined && `IFLA_TXQLEN ${queueLength}`,
    noLinkLocal && "IN6_ADDR_GEN_MODE_NONE",
    up === true && "IFF_UP",
    up === false && "~IFF_UP",
  ]
    .filter((part) => part !== false && part !== undefined)
    .join(", ");
}

export function shownHardwareAddress(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
