// Neighbour discovery: RFC 4861; its options are ndp_options.ts.
import type { PseudoHeader } from "./checksum.ts";
import { isIcmpv6Intact, putIcmpv6Checksum } from "./icmpv6.ts";
import type { IpAddress } from "./ip_address.ts";
import { emitNdpOptions, type NdpOptions, ndpOptionsLength, parseNdpOptions } from "./ndp_options.ts";
import { get16, get32, put16, put32 } from "./network_order.ts";

/** Messages with any other hop limit have passed a router and are none of the link's (RFC 4861 sections 6.1 and 7.1). */
export const NDP_HOP_LIMIT = 255;

const TYPE = 0;
const CODE = 1;

const CURRENT_HOP_LIMIT = 4;
const ROUTER_FLAGS = 5;
const ROUTER_LIFETIME = 6;
const REACHABLE_TIME = 8;
const RETRANS_TIMER = 12;
const NEIGHBOR_FLAGS = 4;
const TARGET_ADDRESS = 8;

const ROUTER_SOLICITATION = 133;
const ROUTER_ADVERTISEMENT = 134;
const NEIGHBOR_SOLICITATION = 135;
const NEIGHBOR_ADVERTISEMENT = 136;

/** Where each type's options start. */
const OPTIONS_AT: Readonly<Record<number, number>> = {
  [ROUTER_SOLICITATION]: 8,
  [ROUTER_ADVERTISEMENT]: 16,
  [NEIGHBOR_SOLICITATION]: 24,
  [NEIGHBOR_ADVERTISEMENT]: 24,
};

const MANAGED = 0x80;
const OTHER = 0x40;
const ROUTER = 0x80;
const SOLICITED = 0x40;
const OVERRIDE = 0x20;
const IPV6_LENGTH = 16;

export type NdpMessage =
  | { readonly kind: "router-solicitation"; readonly options: NdpOptions }
  | {
      readonly kind: "router-advertisement";
      readonly currentHopLimit: number;
      readonly managed: boolean;
      readonly other: boolean;
      /** Seconds; 0: not a default router. */
      readonly routerLifetime: number;
      /** Milliseconds; 0: not told. */
      readonly reachableTime: number;
      /** Milliseconds; 0: not told. */
      readonly retransTimer: number;
      readonly options: NdpOptions;
    }
  | { readonly kind: "neighbor-solicitation"; readonly target: IpAddress; readonly options: NdpOptions }
  | {
      readonly kind: "neighbor-advertisement";
      readonly router: boolean;
      readonly solicited: boolean;
      readonly override: boolean;
      readonly target: IpAddress;
      readonly options: NdpOptions;
    };

/**
 * Valid as RFC 4861 sections 6.1 and 7.1 have it: `hopLimit` is the packet's. With `pseudo` the checksum is verified. Messages
 * of other types are `undefined` too. Addresses are views.
 */
export function parseNdp(bytes: Uint8Array, hopLimit: number, pseudo?: PseudoHeader): NdpMessage | undefined {
  const optionsAt = OPTIONS_AT[bytes[TYPE] ?? 0];
  if (optionsAt === undefined || bytes.length < optionsAt || bytes[CODE] !== 0) return undefined;
  if (hopLimit !== NDP_HOP_LIMIT || (pseudo !== undefined && !isIcmpv6Intact(bytes, pseudo))) return undefined;
  const options = parseNdpOptions(bytes.subarray(optionsAt));
  return options && messageOf(bytes, options);
}

export function ndpLength(message: NdpMessage): number {
  return (OPTIONS_AT[typeOf(message)] ?? 0) + ndpOptionsLength(message.options);
}

/** The whole message with its checksum, to be sent with a hop limit of {@link NDP_HOP_LIMIT}; bytes written. */
export function emitNdp(message: NdpMessage, pseudo: PseudoHeader, into: Uint8Array, offset: number): number {
  const type = typeOf(message);
  const bytes = into.subarray(offset, offset + ndpLength(message));
  bytes.fill(0);
  bytes[TYPE] = type;
  putFields(message, bytes);
  emitNdpOptions(message.options, bytes, OPTIONS_AT[type] ?? 0);
  putIcmpv6Checksum(bytes, pseudo);
  return bytes.length;
}

function messageOf(bytes: Uint8Array, options: NdpOptions): NdpMessage {
  switch (bytes[TYPE]) {
    case ROUTER_SOLICITATION:
      return { kind: "router-solicitation", options };
    case ROUTER_ADVERTISEMENT:
      return routerAdvertisementOf(bytes, options);
    case NEIGHBOR_SOLICITATION:
      return { kind: "neighbor-solicitation", target: targetOf(bytes), options };
    default:
      return neighborAdvertisementOf(bytes, options);
  }
}

function routerAdvertisementOf(bytes: Uint8Array, options: NdpOptions): NdpMessage {
  const flags = bytes[ROUTER_FLAGS] ?? 0;
  return {
    kind: "router-advertisement",
    currentHopLimit: bytes[CURRENT_HOP_LIMIT] ?? 0,
    managed: (flags & MANAGED) !== 0,
    other: (flags & OTHER) !== 0,
    routerLifetime: get16(bytes, ROUTER_LIFETIME),
    reachableTime: get32(bytes, REACHABLE_TIME),
    retransTimer: get32(bytes, RETRANS_TIMER),
    options,
  };
}

function neighborAdvertisementOf(bytes: Uint8Array, options: NdpOptions): NdpMessage {
  const flags = bytes[NEIGHBOR_FLAGS] ?? 0;
  return {
    kind: "neighbor-advertisement",
    router: (flags & ROUTER) !== 0,
    solicited: (flags & SOLICITED) !== 0,
    override: (flags & OVERRIDE) !== 0,
    target: targetOf(bytes),
    options,
  };
}

function targetOf(bytes: Uint8Array): IpAddress {
  return { family: 6, bytes: bytes.subarray(TARGET_ADDRESS, TARGET_ADDRESS + IPV6_LENGTH) };
}

function typeOf(message: NdpMessage): number {
  switch (message.kind) {
    case "router-solicitation":
      return ROUTER_SOLICITATION;
    case "router-advertisement":
      return ROUTER_ADVERTISEMENT;
    case "neighbor-solicitation":
      return NEIGHBOR_SOLICITATION;
    case "neighbor-advertisement":
      return NEIGHBOR_ADVERTISEMENT;
  }
}

function putFields(message: NdpMessage, bytes: Uint8Array): void {
  switch (message.kind) {
    case "router-solicitation":
      return;
    case "router-advertisement":
      bytes[CURRENT_HOP_LIMIT] = message.currentHopLimit;
      bytes[ROUTER_FLAGS] = (message.managed ? MANAGED : 0) | (message.other ? OTHER : 0);
      put16(bytes, ROUTER_LIFETIME, message.routerLifetime);
      put32(bytes, REACHABLE_TIME, message.reachableTime);
      return put32(bytes, RETRANS_TIMER, message.retransTimer);
    case "neighbor-solicitation":
      return bytes.set(message.target.bytes, TARGET_ADDRESS);
    case "neighbor-advertisement":
      bytes[NEIGHBOR_FLAGS] =
        (message.router ? ROUTER : 0) | (message.solicited ? SOLICITED : 0) | (message.override ? OVERRIDE : 0);
      return bytes.set(message.target.bytes, TARGET_ADDRESS);
  }
}
