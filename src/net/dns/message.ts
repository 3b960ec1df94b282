// What a resolver has to know of a message, on top of the wire's codec: the one question, who asks in which way, and the
// addresses in an answer. Only one question and only the class IN are answered (RFC 9619: QDCOUNT is 1).
import { type DnsMessage, type DnsQuestion, type DnsRecord, emitDnsMessage, parseDnsMessage } from "../wire/dns.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import type { Transport } from "./resolver_action.ts";

export const TYPE = {
  A: 1,
  CNAME: 5,
  PTR: 12,
  AAAA: 28,
  OPT: 41,
  SVCB: 64,
  HTTPS: 65,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;
export const CLASS_IN = 1;
export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
const FLAG = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, CD: 0x0010 } as const;
const OPCODE = 0x7800;
/** RFC 1035, section 4.2.1: without EDNS. */
const PLAIN_UDP_SIZE = 512;
/** What fits any path of IPv6 without fragments. */
const OUR_UDP_SIZE = 1232;
const ID_BYTES = 2;

export type Query = {
  readonly id: number;
  readonly question: DnsQuestion;
  /** The question's name in lower case. */
  readonly name: string;
  /** The largest answer the client takes by UDP. */
  readonly udpSize: number;
  readonly message: DnsMessage;
};

export type ReadQuery =
  | { readonly kind: "query"; readonly query: Query }
  /** It can be answered, but with this error only. */
  | { readonly kind: "error"; readonly bytes: Uint8Array }
  | { readonly kind: "garbage" };

export function readQuery(bytes: Uint8Array): ReadQuery {
  const message = parseDnsMessage(bytes);
  if (!message) return headerError(bytes);
  if (message.flags & FLAG.QR) return { kind: "garbage" };
  if (message.flags & OPCODE) return { kind: "error", bytes: answerTo(message, RCODE.NOTIMP) };
  const [question, second] = message.questions;
  if (!question || second) return { kind: "error", bytes: answerTo(message, RCODE.FORMERR) };
  const query = { id: message.id, question, name: question.name.toLowerCase(), udpSize: udpSizeOf(message), message };
  return { kind: "query", query };
}

/** Our own answer; a query with EDNS gets one with EDNS (RFC 6891, section 6.1.1). */
export function answer(query: Query, rcode: number, records: readonly DnsRecord[] = []): Uint8Array {
  return answerTo(query.message, rcode, records);
}

/** What the client does not take by UDP becomes an answer without records that has it come again by TCP. */
export function fitting(query: Query, bytes: Uint8Array, transport: Transport): Uint8Array {
  if (transport === "tcp" || bytes.length <= query.udpSize) return bytes;
  return answerTo(query.message, RCODE.NOERROR, [], FLAG.TC);
}

export type Answer = {
  readonly rcode: number;
  readonly isTruncated: boolean;
  readonly records: readonly DnsRecord[];
};

/** `undefined` for what is no answer to this query sent with this id. */
export function readAnswer(bytes: Uint8Array, id: number, { question, name }: Query): Answer | undefined {
  const message = parseDnsMessage(bytes);
  if (!message || message.id !== id || (message.flags & (FLAG.QR | OPCODE)) !== FLAG.QR) return undefined;
  const [asked, second] = message.questions;
  if (second || !asked || asked.name.toLowerCase() !== name) return undefined;
  if (asked.type !== question.type || asked.class !== question.class) return undefined;
  const { flags, answers } = message;
  return { rcode: flags & 0xf, isTruncated: (flags & FLAG.TC) !== 0, records: answers };
}

export function withId(bytes: Uint8Array, id: number): Uint8Array {
  const copy = bytes.slice();
  copy[0] = id >> 8;
  copy[1] = id & 0xff;
  return copy;
}

export function addressIn({ type, class: klass, data }: DnsRecord): IpAddress | undefined {
  if (klass !== CLASS_IN) return undefined;
  if (type === TYPE.A && data.length === 4) return { family: 4, bytes: data };
  return type === TYPE.AAAA && data.length === 16 ? { family: 6, bytes: data } : undefined;
}

export function addressRecord(name: string, address: IpAddress, ttl: number): DnsRecord {
  const type = address.family === 4 ? TYPE.A : TYPE.AAAA;
  return { name, type, class: CLASS_IN, ttl, data: address.bytes };
}

export function pointerRecord(name: string, target: string, ttl: number): DnsRecord {
  return { name, type: TYPE.PTR, class: CLASS_IN, ttl, data: new Uint8Array(), target };
}

function answerTo(query: DnsMessage, rcode: number, answers: readonly DnsRecord[] = [], extra = 0): Uint8Array {
  const flags = FLAG.QR | FLAG.RA | (query.flags & (OPCODE | FLAG.RD | FLAG.CD)) | extra | rcode;
  const additionals = query.additionals.some(({ type }) => type === TYPE.OPT) ? [OUR_OPT] : [];
  const questions = query.questions.slice(0, 1);
  return emitDnsMessage({ id: query.id, flags, questions, answers, authorities: [], additionals });
}

const OUR_OPT: DnsRecord = { name: "", type: TYPE.OPT, class: OUR_UDP_SIZE, ttl: 0, data: new Uint8Array() };

/** What cannot be read beyond its header still has an id to answer to. */
function headerError(bytes: Uint8Array): ReadQuery {
  const header = parseDnsMessage(withoutCounts(bytes));
  if (!header || header.flags & FLAG.QR) return { kind: "garbage" };
  return { kind: "error", bytes: answerTo(header, header.flags & OPCODE ? RCODE.NOTIMP : RCODE.FORMERR) };
}

function withoutCounts(bytes: Uint8Array): Uint8Array {
  const header = bytes.slice(0, 12);
  return header.fill(0, 2 * ID_BYTES);
}

/** The OPT record's class is the size (RFC 6891, section 6.1.2); less than the plain one is taken as that. */
function udpSizeOf({ additionals }: DnsMessage): number {
  const opt = additionals.find(({ type }) => type === TYPE.OPT);
  return Math.max(PLAIN_UDP_SIZE, opt?.class ?? 0);
}
