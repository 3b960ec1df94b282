// DHCP for IPv4, the server's side: RFC 2131 section 2 (the message) and RFC 2132 (options); long options: RFC 3396.
import { encodeName } from "./domain_name.ts";
import { type IpAddress, maskAddress } from "./ip_address.ts";
import { getMacAddress, MAC_LENGTH, type MacAddress, putMacAddress } from "./mac_address.ts";
import { get16, get32, put16, put32 } from "./network_order.ts";

export const DHCP_SERVER_PORT = 67;
export const DHCP_CLIENT_PORT = 68;

const OPERATION = 0;
const HARDWARE_TYPE = 1;
const HARDWARE_LENGTH = 2;
const TRANSACTION_ID = 4;
const FLAGS = 10;
const CLIENT_ADDRESS = 12;
const YOUR_ADDRESS = 16;
const GATEWAY_ADDRESS = 24;
const HARDWARE_ADDRESS = 28;
const SERVER_NAME = 44;
const FILE = 108;
const MAGIC_COOKIE = 236;
const OPTIONS = 240;

const BOOT_REQUEST = 1;
const BOOT_REPLY = 2;
const HARDWARE_ETHERNET = 1;
const BROADCAST = 0x8000;
/** 99.130.83.99 (RFC 2131 section 3). */
const MAGIC = 0x63825363;
/** What BOOTP clients may expect at least (RFC 1542 section 2.1). */
const LEAST_LENGTH = 300;

const PAD = 0;
const SUBNET_MASK = 1;
const ROUTER = 3;
const DOMAIN_NAME_SERVER = 6;
const DOMAIN_NAME = 15;
const INTERFACE_MTU = 26;
const REQUESTED_ADDRESS = 50;
const LEASE_TIME = 51;
const OVERLOAD = 52;
const MESSAGE_TYPE = 53;
const SERVER_IDENTIFIER = 54;
const PARAMETER_REQUEST_LIST = 55;
const DOMAIN_SEARCH = 119;
const END = 255;

const MOST_OPTION = 255;

export type DhcpRequest = {
  readonly kind: "discover" | "request" | "decline" | "release" | "inform";
  readonly transactionId: number;
  /** The client can't take a unicast before it has its address (RFC 2131 section 4.1). */
  readonly broadcast: boolean;
  /** 0.0.0.0 where the client has none. */
  readonly clientAddress: IpAddress;
  /** Of a relay; 0.0.0.0 for none. */
  readonly gatewayAddress: IpAddress;
  readonly hardwareAddress: MacAddress;
  readonly requestedAddress?: IpAddress;
  readonly serverIdentifier?: IpAddress;
  /** Option codes in the client's order. */
  readonly parameterRequestList?: Uint8Array;
};

export type DhcpReply = {
  readonly kind: "offer" | "ack" | "nak";
  readonly serverIdentifier: IpAddress;
  /** Not in a "nak", nor in an "ack" to "inform" (RFC 2131 table 3). */
  readonly yourAddress?: IpAddress;
  /** Seconds; where `yourAddress` is. */
  readonly leaseTime?: number;
  /** Bits of the network's prefix. */
  readonly prefixLength?: number;
  readonly routers?: readonly IpAddress[];
  readonly domainNameServers?: readonly IpAddress[];
  readonly mtu?: number;
  readonly domainName?: string;
  readonly domainSearch?: readonly string[];
};

const REQUEST_KINDS: ReadonlyMap<number, DhcpRequest["kind"]> = new Map([
  [1, "discover"],
  [3, "request"],
  [4, "decline"],
  [7, "release"],
  [8, "inform"],
]);
const REPLY_TYPES = { offer: 2, ack: 5, nak: 6 } as const;

/** What a client sends, over Ethernet; `undefined` for anything else. Addresses are views, or bytes of their own. */
export function parseDhcpv4(bytes: Uint8Array): DhcpRequest | undefined {
  if (bytes.length < OPTIONS || get32(bytes, MAGIC_COOKIE) !== MAGIC || bytes[OPERATION] !== BOOT_REQUEST)
    return undefined;
  if (bytes[HARDWARE_TYPE] !== HARDWARE_ETHERNET || bytes[HARDWARE_LENGTH] !== MAC_LENGTH) return undefined;
  const options = readAllOptions(bytes);
  const type = options.get(MESSAGE_TYPE);
  const kind = type?.length === 1 ? REQUEST_KINDS.get(type[0] ?? 0) : undefined;
  if (kind === undefined) return undefined;
  const requestedAddress = addressOption(options, REQUESTED_ADDRESS);
  const serverIdentifier = addressOption(options, SERVER_IDENTIFIER);
  const parameterRequestList = options.get(PARAMETER_REQUEST_LIST);
  return {
    kind,
    transactionId: get32(bytes, TRANSACTION_ID),
    broadcast: (get16(bytes, FLAGS) & BROADCAST) !== 0,
    clientAddress: addressAt(bytes, CLIENT_ADDRESS),
    gatewayAddress: addressAt(bytes, GATEWAY_ADDRESS),
    hardwareAddress: getMacAddress(bytes, HARDWARE_ADDRESS),
    ...(requestedAddress && { requestedAddress }),
    ...(serverIdentifier && { serverIdentifier }),
    ...(parameterRequestList && { parameterRequestList: Uint8Array.from(parameterRequestList) }),
  };
}

/** The answer to `request`, fields as in RFC 2131 table 3. */
export function emitDhcpv4(reply: DhcpReply, request: DhcpRequest): Uint8Array {
  const options = encodeOptions(reply);
  const bytes = new Uint8Array(Math.max(LEAST_LENGTH, OPTIONS + options.length));
  bytes[OPERATION] = BOOT_REPLY;
  bytes[HARDWARE_TYPE] = HARDWARE_ETHERNET;
  bytes[HARDWARE_LENGTH] = MAC_LENGTH;
  put32(bytes, TRANSACTION_ID, request.transactionId);
  put16(bytes, FLAGS, request.broadcast ? BROADCAST : 0);
  if (reply.kind === "ack") bytes.set(request.clientAddress.bytes, CLIENT_ADDRESS);
  if (reply.yourAddress !== undefined) bytes.set(reply.yourAddress.bytes, YOUR_ADDRESS);
  bytes.set(request.gatewayAddress.bytes, GATEWAY_ADDRESS);
  putMacAddress(bytes, HARDWARE_ADDRESS, request.hardwareAddress);
  put32(bytes, MAGIC_COOKIE, MAGIC);
  bytes.set(options, OPTIONS);
  return bytes;
}

/** Values by code. */
type Options = Map<number, number[]>;

/** Those of the options field, and of the file and server name fields where "option overload" says so, in that order (RFC 3396). */
function readAllOptions(bytes: Uint8Array): Options {
  const options: Options = new Map();
  readOptions(options, bytes.subarray(OPTIONS));
  const overload = options.get(OVERLOAD)?.[0] ?? 0;
  if ((overload & 1) !== 0) readOptions(options, bytes.subarray(FILE, MAGIC_COOKIE));
  if ((overload & 2) !== 0) readOptions(options, bytes.subarray(SERVER_NAME, FILE));
  return options;
}

/** Options that are there more than once are pieces of one (RFC 3396 section 7). One that's cut short is the last. */
function readOptions(options: Options, field: Uint8Array): void {
  for (let at = 0; at < field.length && field[at] !== END; ) {
    const code = field[at] ?? PAD;
    const length = code === PAD ? -1 : field[at + 1];
    if (length === undefined || at + 2 + length > field.length) return;
    const before = options.get(code) ?? [];
    if (code !== PAD) options.set(code, before);
    before.push(...field.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
}

function addressOption(options: Options, code: number): IpAddress | undefined {
  const octets = options.get(code);
  return octets?.length === 4 ? { family: 4, bytes: Uint8Array.from(octets) } : undefined;
}

function addressAt(bytes: Uint8Array, at: number): IpAddress {
  return { family: 4, bytes: bytes.subarray(at, at + 4) };
}

function encodeOptions(reply: DhcpReply): Uint8Array {
  const { prefixLength, leaseTime, mtu, domainName, domainSearch = [] } = reply;
  return Uint8Array.from([
    ...option(MESSAGE_TYPE, [REPLY_TYPES[reply.kind]]),
    ...option(SERVER_IDENTIFIER, reply.serverIdentifier.bytes),
    ...(leaseTime === undefined ? [] : option(LEASE_TIME, octets(leaseTime, 4))),
    ...(prefixLength === undefined ? [] : option(SUBNET_MASK, maskAddress(ALL_ONES, prefixLength).bytes)),
    ...addressesOption(ROUTER, reply.routers),
    ...addressesOption(DOMAIN_NAME_SERVER, reply.domainNameServers),
    ...(mtu === undefined ? [] : option(INTERFACE_MTU, octets(mtu, 2))),
    ...(domainName === undefined ? [] : option(DOMAIN_NAME, new TextEncoder().encode(domainName))),
    ...option(DOMAIN_SEARCH, domainSearch.flatMap(wireNameOf)),
    END,
  ]);
}

/** Nothing for an empty value; several options of one code for a long one. */
function option(code: number, value: Iterable<number>): number[] {
  const all = [...value];
  const encoded: number[] = [];
  for (let at = 0; at < all.length; at += MOST_OPTION) {
    const piece = all.slice(at, at + MOST_OPTION);
    encoded.push(code, piece.length, ...piece);
  }
  return encoded;
}

function addressesOption(code: number, addresses: readonly IpAddress[] = []): number[] {
  return option(
    code,
    addresses.flatMap(({ bytes }) => [...bytes]),
  );
}

function octets(value: number, count: 2 | 4): Uint8Array {
  const bytes = new Uint8Array(4);
  put32(bytes, 0, value);
  return bytes.subarray(4 - count);
}

/** Search domains come from our own configuration: one that is no name was not refused there. */
function wireNameOf(domain: string): number[] {
  const wire = encodeName(domain);
  if (wire === undefined) throw new RangeError(`not a domain name: ${domain}`);
  return [...wire];
}

const ALL_ONES: IpAddress = { family: 4, bytes: new Uint8Array(4).fill(0xff) };
