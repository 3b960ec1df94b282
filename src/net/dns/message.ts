// What a resolver has to know of a message, on top of the wire's codec: the one question (RFC 9619: QDCOUNT is 1), how much
// of an answer the client takes, and whether what a server sent is an answer to what it was asked.
import {
  DNS_CLASS,
  DNS_RCODE,
  DNS_TYPE,
  DNS_UDP_LIMIT,
  type DnsEdns,
  type DnsHeader,
  type DnsMessage,
  type DnsQuestion,
  type DnsRecord,
  emitDns,
  parseDns,
  parseDnsHeader,
} from "../wire/dns.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import type { Transport } from "./resolver_action.ts";

export type Query = {
  readonly id: number;
  readonly question: DnsQuestion;
  /** The longest answer that the client takes. */
  readonly limit: number;
  readonly message: DnsMessage;
};

export type ReadQuery =
  | { readonly kind: "query"; readonly query: Query }
  /** It can be answered, but with this error only. */
  | { readonly kind: "error"; readonly bytes: Uint8Array }
  | { readonly kind: "garbage" };

/** What the length in front says at most (RFC 1035, section 4.2.2). */
const TCP_LIMIT = 65535;
/** What fits any path of IPv6 without fragments. */
const OUR_EDNS: DnsEdns = { udpPayloadSize: 1232, version: 0, dnssecOk: false, options: new Uint8Array() };

const EMPTY_RESPONSE: DnsMessage = {
  id: 0,
  response: true,
  opcode: 0,
  authoritativeAnswer: false,
  truncated: false,
  recursionDesired: false,
  recursionAvailable: true,
  authenticData: false,
  checkingDisabled: false,
  rcode: DNS_RCODE.NO_ERROR,
  questions: [],
  answers: [],
  authorities: [],
  additionals: [],
  edns: undefined,
};

export function readQuery(bytes: Uint8Array, transport: Transport): ReadQuery {
  const header = parseDnsHeader(bytes);
  if (!header || header.response) return { kind: "garbage" };
  if (header.opcode !== 0) return { kind: "error", bytes: headerAnswer(header, DNS_RCODE.NOT_IMPLEMENTED) };
  const message = parseDns(bytes);
  const [question, second] = message?.questions ?? [];
  if (!message || !question || second) return { kind: "error", bytes: headerAnswer(header, DNS_RCODE.FORMAT_ERROR) };
  const udpLimit = Math.max(DNS_UDP_LIMIT, message.edns?.udpPayloadSize ?? 0);
  const query = { id: header.id, question, limit: transport === "tcp" ? TCP_LIMIT : udpLimit, message };
  // RFC 6891, section 6.1.3.
  if (message.edns && message.edns.version !== OUR_EDNS.version)
    return { kind: "error", bytes: answer(query, DNS_RCODE.BAD_VERSION) };
  return { kind: "query", query };
}

/** Our own answer; a query with EDNS gets one with EDNS (RFC 6891, section 6.1.1). What is too long for it is cut. */
export function answer({ message, limit }: Query, rcode: number, answers: readonly DnsRecord[] = []): Uint8Array {
  const edns = message.edns && OUR_EDNS;
  return emitDns({ ...responseTo(message, rcode), questions: message.questions, answers, edns }, limit);
}

/** What is longer than the client takes becomes an answer that has it come again by TCP. */
export function fitting(query: Query, bytes: Uint8Array): Uint8Array {
  return bytes.length <= query.limit ? bytes : truncated(query);
}

export type Answer = {
  readonly rcode: number;
  readonly isTruncated: boolean;
  readonly records: readonly DnsRecord[];
  /** The message, as it can be passed on once it has the client's id. */
  readonly bytes: Uint8Array;
};

/** `undefined` for what is no answer to this query when it was sent with this id. */
export function readAnswer(bytes: Uint8Array, id: number, query: Query): Answer | undefined {
  const header = parseDnsHeader(bytes);
  if (!header?.response || header.opcode !== 0 || header.id !== id) return undefined;
  const message = parseDns(bytes);
  // Some servers cut a message wherever it is long enough.
  if (!message) return header.truncated ? cutAnswer(query) : undefined;
  const [asked, second] = message.questions;
  if (!asked || second || !isSameQuestion(asked, query.question)) return undefined;
  return { rcode: message.rcode, isTruncated: message.truncated, records: message.answers, bytes };
}

/** Names are compared without case: the wire's codec has them in lower case. */
export function isSameQuestion(one: DnsQuestion, other: DnsQuestion): boolean {
  return one.name === other.name && one.type === other.type && one.class === other.class;
}

export function withId(bytes: Uint8Array, id: number): Uint8Array {
  const copy = bytes.slice();
  copy[0] = id >> 8;
  copy[1] = id & 0xff;
  return copy;
}

export function addressIn({ data }: DnsRecord): IpAddress | undefined {
  return data.kind === "address" ? data.address : undefined;
}

export function addressRecord(name: string, address: IpAddress, timeToLive: number): DnsRecord {
  const type = address.family === 4 ? DNS_TYPE.A : DNS_TYPE.AAAA;
  return { name, type, class: DNS_CLASS.IN, timeToLive, data: { kind: "address", address } };
}

export function pointerRecord(name: string, target: string, timeToLive: number): DnsRecord {
  return { name, type: DNS_TYPE.PTR, class: DNS_CLASS.IN, timeToLive, data: { kind: "name", name: target } };
}

function truncated({ message }: Query): Uint8Array {
  const edns = message.edns && OUR_EDNS;
  const header = { ...responseTo(message, DNS_RCODE.NO_ERROR), truncated: true };
  return emitDns({ ...header, questions: message.questions, edns }, DNS_UDP_LIMIT);
}

function cutAnswer(query: Query): Answer {
  return { rcode: DNS_RCODE.NO_ERROR, isTruncated: true, records: [], bytes: truncated(query) };
}

function headerAnswer(header: DnsHeader, rcode: number): Uint8Array {
  return emitDns(responseTo(header, rcode), DNS_UDP_LIMIT);
}

function responseTo(query: DnsHeader, rcode: number): DnsMessage {
  const { id, opcode, recursionDesired, checkingDisabled } = query;
  return { ...EMPTY_RESPONSE, id, opcode, recursionDesired, checkingDisabled, rcode };
}
