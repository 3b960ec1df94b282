// What a member and the network's supervisor tell each other: one JSON object a message of a SOCK_SEQPACKET socket, with descriptors beside
// it. Read strictly, whoever has sent it. Pure.
//
//   member                                supervisor
//   join                            ──►
//                                   ◄──   joined: its addresses; the user namespace to go into (descriptor)
//   ports, as often as it takes     ──►   the published ones, with their sockets (descriptors)
//   attach: names, rules            ──►   descriptors, where said: standard error, log, capture
//                                   ◄──   attached
//   (one byte 0: the child, with its network namespace and a netlink socket of it)
//                                   ◄──   four bytes: a negated errno, 0 for success
//
//   members                         ──►   from anybody of the same user
//                                   ◄──   members
//   stop                            ──►   the network ends, whoever is on it
import { parseIpAddress } from "../net/wire/ip_address.ts";
import type { EgressRules, NetworkAddresses, NetworkShape, UserNames } from "../spec/spec.ts";

export type Port = { readonly protocol: "tcp" | "udp"; readonly sandboxPort: number };

export type Attach = {
  readonly kind: "attach";
  /** Host names of its own, in lower case. */
  readonly names: readonly string[];
  readonly rules: EgressRules;
  readonly resolver: UserNames;
  readonly shape?: NetworkShape;
  /** Which descriptors come first. */
  readonly tells: boolean;
  readonly log?: string;
  readonly pcap?: string;
};

export type ClientMessage =
  | { readonly kind: "join" }
  | Attach
  | { readonly kind: "ports"; readonly ports: readonly Port[] }
  | { readonly kind: "members" }
  | { readonly kind: "stop" };

export type Joined = {
  readonly kind: "joined";
  readonly ipv4: NetworkAddresses | null;
  readonly ipv6: NetworkAddresses | null;
};

export type MemberInfo = {
  readonly pid: number;
  readonly names: readonly string[];
  readonly ipv4: string | null;
  readonly ipv6: string | null;
};

export type ServerMessage =
  | Joined
  | { readonly kind: "attached" }
  | { readonly kind: "refused"; readonly cause: string; readonly hint: string }
  | { readonly kind: "members"; readonly members: readonly MemberInfo[] };

/** SO_SNDBUF's default, net.core.wmem_default, is 212,992 with the kernel's own books in it. */
export const LARGEST_MESSAGE = 131_072;
/** SCM_MAX_FD is 253, unix(7). */
export const MOST_DESCRIPTORS = 64;
const MOST_NAMES = 64;
const MOST_WORDS = 4096;
/** RFC 1123 section 2.1, with the underscores that people use. */
const HOST_NAME = /^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$/;

/** Names that mean something on every network: the host's, and whoever asks. */
const RESERVED = ["localhost", "sandbox.internal"] as const;

/** May a member be called so? */
export function isMemberName(text: string): boolean {
  return isHostName(text) && !RESERVED.some((zone) => text === zone || text.endsWith(`.${zone}`));
}

export function isHostName(text: string): boolean {
  return HOST_NAME.test(text) && text.split(".").every((label) => label.length > 0 && label.length <= 63);
}

export function emitMessage(message: ClientMessage | ServerMessage): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(message));
}

export function parseClientMessage(bytes: Uint8Array): ClientMessage | undefined {
  const fields = fieldsIn(bytes);
  switch (fields?.kind) {
    case "join":
    case "members":
    case "stop":
      return { kind: fields.kind };
    case "attach":
      return attachIn(fields);
    case "ports": {
      const ports = listOf(fields.ports, portIn, MOST_DESCRIPTORS);
      return ports && { kind: "ports", ports };
    }
    default:
      return undefined;
  }
}

export function parseServerMessage(bytes: Uint8Array): ServerMessage | undefined {
  const fields = fieldsIn(bytes);
  switch (fields?.kind) {
    case "attached":
      return { kind: "attached" };
    case "joined":
      return joinedIn(fields);
    case "refused":
      return isText(fields.cause) && isText(fields.hint)
        ? { kind: "refused", cause: fields.cause, hint: fields.hint }
        : undefined;
    case "members": {
      const members = listOf(fields.members, memberIn, MOST_WORDS);
      return members && { kind: "members", members };
    }
    default:
      return undefined;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function attachIn(fields: Fields): Attach | undefined {
  const names = listOf(fields.names, hostNameIn, MOST_NAMES);
  const [rules, resolver] = [rulesIn(fields.rules), resolverIn(fields.resolver)];
  const { tells, log, pcap } = fields;
  const shape = fields.shape === undefined ? {} : shapeIn(fields.shape);
  if (!names || !rules || !resolver || !shape || typeof tells !== "boolean") return undefined;
  if (!isTextOrNothing(log) || !isTextOrNothing(pcap)) return undefined;
  const records = { ...(log !== undefined && { log }), ...(pcap !== undefined && { pcap }) };
  return { kind: "attach", names, rules, resolver, tells, ...records, ...shape };
}

function rulesIn(value: unknown): EgressRules | undefined {
  const fields = objectIn(value);
  const [allow, deny] = [listOf(fields?.allow, textIn, MOST_WORDS), listOf(fields?.deny, textIn, MOST_WORDS)];
  if (!fields || !allow || !deny) return undefined;
  if (fields.file === undefined) return { allow, deny };
  const file = objectIn(fields.file);
  return file && isText(file.name) && isText(file.text)
    ? { allow, deny, file: { name: file.name, text: file.text } }
    : undefined;
}

function resolverIn(value: unknown): UserNames | undefined {
  const fields = objectIn(value);
  const servers = listOf(fields?.servers, addressIn, MOST_NAMES);
  const hosts = listOf(
    fields?.hosts,
    (one) => {
      const entry = objectIn(one);
      const address = addressIn(entry?.address);
      return isText(entry?.name) && isHostName(entry.name) && address !== undefined
        ? { name: entry.name, address }
        : undefined;
    },
    MOST_WORDS,
  );
  return servers && hosts && { servers, hosts };
}

function shapeIn(value: unknown): { readonly shape: NetworkShape } | undefined {
  const fields = objectIn(value);
  if (!fields) return undefined;
  const { up, down, delay, loss } = fields;
  const isRate = (rate: unknown): rate is number | undefined => rate === undefined || (isNumber(rate) && rate > 0);
  if (!isRate(up) || !isRate(down) || !isNumber(delay) || !isNumber(loss) || loss > 1) return undefined;
  return { shape: { ...(up !== undefined && { up }), ...(down !== undefined && { down }), delay, loss } };
}

function portIn(value: unknown): Port | undefined {
  const { protocol, sandboxPort } = objectIn(value) ?? {};
  if ((protocol !== "tcp" && protocol !== "udp") || !isNumber(sandboxPort)) return undefined;
  return Number.isInteger(sandboxPort) && sandboxPort > 0 && sandboxPort < 65_536
    ? { protocol, sandboxPort }
    : undefined;
}

function joinedIn({ ipv4, ipv6 }: Fields): Joined | undefined {
  const [four, six] = [addressesIn(ipv4, 4), addressesIn(ipv6, 6)];
  if (four === undefined || six === undefined || (four === null && six === null)) return undefined;
  return { kind: "joined", ipv4: four, ipv6: six };
}

function addressesIn(value: unknown, family: 4 | 6): NetworkAddresses | null | undefined {
  if (value === null) return null;
  const { address, gateway, nameserver, prefixLength } = objectIn(value) ?? {};
  const isOne = (text: unknown): text is string => addressIn(text) !== undefined && isOfFamily(text, family);
  if (!isOne(address) || !isOne(gateway) || !isOne(nameserver) || !isNumber(prefixLength)) return undefined;
  if (!Number.isInteger(prefixLength) || prefixLength > (family === 4 ? 32 : 128)) return undefined;
  return { address, prefixLength, gateway, nameserver };
}

function memberIn(value: unknown): MemberInfo | undefined {
  const { pid, names, ipv4, ipv6 } = objectIn(value) ?? {};
  const list = listOf(names, hostNameIn, MOST_NAMES);
  const isOne = (text: unknown): text is string | null => text === null || addressIn(text) !== undefined;
  if (!isNumber(pid) || !list || !isOne(ipv4) || !isOne(ipv6)) return undefined;
  return { pid, names: list, ipv4, ipv6 };
}

function fieldsIn(bytes: Uint8Array): Fields | undefined {
  try {
    return objectIn(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch {
    return undefined;
  }
}

function objectIn(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
}

/** `undefined` where it is no list, one of it is not of its kind, or there are more than `most`. */
function listOf<T>(value: unknown, one: (value: unknown) => T | undefined, most: number): readonly T[] | undefined {
  if (!Array.isArray(value) || value.length > most) return undefined;
  const list = value.flatMap((item) => one(item) ?? []);
  return list.length === value.length ? (list as readonly T[]) : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isTextOrNothing(value: unknown): value is string | undefined {
  return value === undefined || isText(value);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}

function textIn(value: unknown): string | undefined {
  return isText(value) ? value : undefined;
}

function hostNameIn(value: unknown): string | undefined {
  return isText(value) && isMemberName(value) ? value : undefined;
}

function addressIn(value: unknown): string | undefined {
  return isText(value) && parseIpAddress(value) !== undefined ? value : undefined;
}

function isOfFamily(text: unknown, family: 4 | 6): boolean {
  return isText(text) && parseIpAddress(text)?.family === family;
}
