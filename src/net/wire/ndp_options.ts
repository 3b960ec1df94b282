// Options of neighbour discovery: RFC 4861 section 4.6; RFC 4191 section 2.3 (routes); RFC 8106 section 5 (RDNSS, DNSSL).
import { encodeName, readName } from "./domain_name.ts";
import { type IpAddress, type IpPrefix, maskAddress } from "./ip_address.ts";
import { getMacAddress, type MacAddress, putMacAddress } from "./mac_address.ts";
import { get32, put32 } from "./network_order.ts";

const SOURCE_LINK_LAYER_ADDRESS = 1;
const TARGET_LINK_LAYER_ADDRESS = 2;
const PREFIX_INFORMATION = 3;
const MTU = 5;
const ROUTE_INFORMATION = 24;
const RECURSIVE_DNS_SERVER = 25;
const DNS_SEARCH_LIST = 31;

/** Type, length, then the value. Lengths count 8 bytes, type and length among them. */
const UNIT = 8;
const VALUE = 2;
const IPV6_LENGTH = 16;

const PREFIX_LENGTH_AT = 2;
const PREFIX_FLAGS = 3;
const VALID_LIFETIME = 4;
const PREFERRED_LIFETIME = 8;
const PREFIX = 16;
const ON_LINK = 0x80;
const AUTONOMOUS = 0x40;

/** Of MTU, routes, RDNSS and DNSSL: a 32-bit number, and for all but the first what follows it. */
const NUMBER = 4;
const AFTER_NUMBER = 8;
const ROUTE_PREFERENCE_SHIFT = 3;

/** A lifetime that does not end (RFC 4861 section 4.6.2). */
export const INFINITE_LIFETIME = 0xffffffff;

/** Lifetimes are in seconds. */
export type PrefixInformation = {
  readonly prefix: IpPrefix;
  readonly onLink: boolean;
  readonly autonomous: boolean;
  readonly validLifetime: number;
  readonly preferredLifetime: number;
};

export type RouteInformation = {
  readonly prefix: IpPrefix;
  /** RFC 4191 section 2.1. */
  readonly preference: "high" | "medium" | "low";
  readonly lifetime: number;
};

export type NdpOptions = {
  readonly sourceLinkLayerAddress?: MacAddress;
  readonly targetLinkLayerAddress?: MacAddress;
  readonly mtu?: number;
  readonly prefixes?: readonly PrefixInformation[];
  readonly routes?: readonly RouteInformation[];
  readonly recursiveDnsServers?: { readonly lifetime: number; readonly addresses: readonly IpAddress[] };
  readonly searchList?: { readonly lifetime: number; readonly domains: readonly string[] };
};

type Writable = { -readonly [Name in keyof NdpOptions]: NdpOptions[Name] } & {
  prefixes?: PrefixInformation[];
  routes?: RouteInformation[];
};

/** All of `bytes`. Unknown options are skipped; `undefined` where one's length is 0 or reaches beyond (RFC 4861 section 6.1). */
export function parseNdpOptions(bytes: Uint8Array): NdpOptions | undefined {
  const options: Writable = {};
  for (let at = 0; at < bytes.length; ) {
    const length = (bytes[at + 1] ?? 0) * UNIT;
    if (length === 0 || at + length > bytes.length) return undefined;
    readOption(options, bytes.subarray(at, at + length));
    at += length;
  }
  return options;
}

/** Bytes that {@link emitNdpOptions} writes. */
export function ndpOptionsLength(options: NdpOptions): number {
  return encodeOptions(options).reduce((total, option) => total + option.length, 0);
}

/** Bytes written. */
export function emitNdpOptions(options: NdpOptions, into: Uint8Array, offset: number): number {
  let at = offset;
  for (const option of encodeOptions(options)) {
    into.set(option, at);
    at += option.length;
  }
  return at - offset;
}

/** One that has not the length that its type wants is skipped. */
function readOption(options: Writable, option: Uint8Array): void {
  switch (option[0]) {
    case SOURCE_LINK_LAYER_ADDRESS:
      if (option.length === UNIT) options.sourceLinkLayerAddress = getMacAddress(option, VALUE);
      return;
    case TARGET_LINK_LAYER_ADDRESS:
      if (option.length === UNIT) options.targetLinkLayerAddress = getMacAddress(option, VALUE);
      return;
    case MTU:
      if (option.length === UNIT) options.mtu = get32(option, NUMBER);
      return;
    case PREFIX_INFORMATION:
      return readPrefix(options, option);
    case ROUTE_INFORMATION:
      return readRoute(options, option);
    case RECURSIVE_DNS_SERVER:
      return readServers(options, option);
    case DNS_SEARCH_LIST:
      return readSearchList(options, option);
  }
}

function readPrefix(options: Writable, option: Uint8Array): void {
  const length = option[PREFIX_LENGTH_AT] ?? 0;
  if (option.length !== PREFIX + IPV6_LENGTH || length > 8 * IPV6_LENGTH) return;
  const flags = option[PREFIX_FLAGS] ?? 0;
  options.prefixes ??= [];
  options.prefixes.push({
    prefix: { address: maskAddress({ family: 6, bytes: option.subarray(PREFIX) }, length), length },
    onLink: (flags & ON_LINK) !== 0,
    autonomous: (flags & AUTONOMOUS) !== 0,
    validLifetime: get32(option, VALID_LIFETIME),
    preferredLifetime: get32(option, PREFERRED_LIFETIME),
  });
}

/** Of the prefix, what its length needs: 0, 8 or 16 bytes. One with the reserved preference is ignored (RFC 4191 section 2.3). */
function readRoute(options: Writable, option: Uint8Array): void {
  const length = option[PREFIX_LENGTH_AT] ?? 0;
  const preference = PREFERENCES[((option[PREFIX_FLAGS] ?? 0) >> ROUTE_PREFERENCE_SHIFT) & 3];
  const there = option.length - AFTER_NUMBER;
  if (preference === undefined || length > 8 * IPV6_LENGTH || there > IPV6_LENGTH || there * 8 < length) return;
  const bytes = new Uint8Array(IPV6_LENGTH);
  bytes.set(option.subarray(AFTER_NUMBER));
  const prefix = { address: maskAddress({ family: 6, bytes }, length), length };
  options.routes ??= [];
  options.routes.push({ prefix, preference, lifetime: get32(option, NUMBER) });
}

function readServers(options: Writable, option: Uint8Array): void {
  const count = (option.length - AFTER_NUMBER) / IPV6_LENGTH;
  if (count < 1 || !Number.isInteger(count)) return;
  const addresses = Array.from({ length: count }, (_, index): IpAddress => {
    const at = AFTER_NUMBER + index * IPV6_LENGTH;
    return { family: 6, bytes: option.subarray(at, at + IPV6_LENGTH) };
  });
  options.recursiveDnsServers = { lifetime: get32(option, NUMBER), addresses };
}

/** Names, then zeros up to the end; a pointer has nowhere to lead. */
function readSearchList(options: Writable, option: Uint8Array): void {
  const list = option.subarray(AFTER_NUMBER);
  const domains: string[] = [];
  for (let at = 0; at < list.length && list[at] !== 0; ) {
    const read = readName(list, at);
    if (read === undefined) return;
    domains.push(read.name);
    at = read.end;
  }
  if (domains.length > 0) options.searchList = { lifetime: get32(option, NUMBER), domains };
}

function encodeOptions(options: NdpOptions): readonly Uint8Array[] {
  const { sourceLinkLayerAddress, targetLinkLayerAddress, mtu, recursiveDnsServers, searchList } = options;
  const list: Uint8Array[] = [];
  if (sourceLinkLayerAddress !== undefined) list.push(linkLayer(SOURCE_LINK_LAYER_ADDRESS, sourceLinkLayerAddress));
  if (targetLinkLayerAddress !== undefined) list.push(linkLayer(TARGET_LINK_LAYER_ADDRESS, targetLinkLayerAddress));
  for (const prefix of options.prefixes ?? []) list.push(encodePrefix(prefix));
  if (mtu !== undefined) list.push(encodeNumber(MTU, mtu, []));
  for (const route of options.routes ?? []) list.push(encodeRoute(route));
  if (recursiveDnsServers !== undefined) {
    const addresses = recursiveDnsServers.addresses.map(({ bytes }) => bytes);
    list.push(encodeNumber(RECURSIVE_DNS_SERVER, recursiveDnsServers.lifetime, addresses));
  }
  if (searchList !== undefined)
    list.push(encodeNumber(DNS_SEARCH_LIST, searchList.lifetime, searchList.domains.map(wireNameOf)));
  return list;
}

/** Of `length` bytes or the next multiple of 8. */
function newOption(type: number, length: number): Uint8Array {
  const units = Math.ceil(length / UNIT);
  const option = new Uint8Array(units * UNIT);
  option[0] = type;
  option[1] = units;
  return option;
}

function linkLayer(type: number, address: MacAddress): Uint8Array {
  const option = newOption(type, UNIT);
  putMacAddress(option, VALUE, address);
  return option;
}

function encodePrefix(information: PrefixInformation): Uint8Array {
  const option = newOption(PREFIX_INFORMATION, PREFIX + IPV6_LENGTH);
  option[PREFIX_LENGTH_AT] = information.prefix.length;
  option[PREFIX_FLAGS] = (information.onLink ? ON_LINK : 0) | (information.autonomous ? AUTONOMOUS : 0);
  put32(option, VALID_LIFETIME, information.validLifetime);
  put32(option, PREFERRED_LIFETIME, information.preferredLifetime);
  option.set(information.prefix.address.bytes, PREFIX);
  return option;
}

function encodeRoute({ prefix, preference, lifetime }: RouteInformation): Uint8Array {
  const bytes = prefix.address.bytes.subarray(0, Math.ceil(prefix.length / 64) * 8);
  const option = encodeNumber(ROUTE_INFORMATION, lifetime, [bytes]);
  option[PREFIX_LENGTH_AT] = prefix.length;
  option[PREFIX_FLAGS] = PREFERENCES.indexOf(preference) << ROUTE_PREFERENCE_SHIFT;
  return option;
}

function encodeNumber(type: number, value: number, pieces: readonly Uint8Array[]): Uint8Array {
  const option = newOption(
    type,
    pieces.reduce((total, piece) => total + piece.length, AFTER_NUMBER),
  );
  put32(option, NUMBER, value);
  let at = AFTER_NUMBER;
  for (const piece of pieces) {
    option.set(piece, at);
    at += piece.length;
  }
  return option;
}

/** Search domains come from our own configuration: one that is no name was not refused there. */
function wireNameOf(domain: string): Uint8Array {
  const wire = encodeName(domain);
  if (wire === undefined) throw new RangeError(`not a domain name: ${domain}`);
  return wire;
}

/** By value; the third is reserved. */
const PREFERENCES: readonly (RouteInformation["preference"] | undefined)[] = ["medium", "high", undefined, "low"];
