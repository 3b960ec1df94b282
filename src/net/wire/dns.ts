// DNS messages: RFC 1035 section 4; the OPT record of EDNS: RFC 6891; the AD and CD bits: RFC 4035 section 3. Records are dns_record.ts.
import { type DnsRecord, emitRecord, OPT, readRecord } from "./dns_record.ts";
import { type ReadName, readName } from "./domain_name.ts";
import { get16, put16 } from "./network_order.ts";

export type { DnsData, DnsRecord } from "./dns_record.ts";
export { DNS_CLASS, DNS_TYPE } from "./dns_record.ts";

export const DNS_HEADER_LENGTH = 12;

const ID = 0;
const FLAGS = 2;
const QUESTION_COUNT = 4;
const ANSWER_COUNT = 6;
const AUTHORITY_COUNT = 8;
const ADDITIONAL_COUNT = 10;

const RESPONSE = 0x8000;
const OPCODE_SHIFT = 11;
const AUTHORITATIVE_ANSWER = 0x0400;
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;
const RECURSION_AVAILABLE = 0x0080;
const AUTHENTIC_DATA = 0x0020;
const CHECKING_DISABLED = 0x0010;

/** Of a record: class holds the payload size, TTL the rest (RFC 6891 section 6.1.3). */
const DNSSEC_OK = 0x8000;
const OPT_LENGTH = 11;

/** RFC 1035 section 4.1.1; RFC 6891 section 9 (BADVERS). */
export const DNS_RCODE = {
  NO_ERROR: 0,
  FORMAT_ERROR: 1,
  SERVER_FAILURE: 2,
  NAME_ERROR: 3,
  NOT_IMPLEMENTED: 4,
  REFUSED: 5,
  BAD_VERSION: 16,
} as const;

/** RFC 1035 section 4.2.1: what fits in UDP where EDNS says no other. */
export const DNS_UDP_LIMIT = 512;

export type DnsHeader = {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly authoritativeAnswer: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** Four bits of the header; in a message the eight of EDNS above them. */
  readonly rcode: number;
};

export type DnsQuestion = {
  readonly name: string;
  /** In the case that it was asked in, to be echoed: some resolvers check it (draft-vixie-dnsext-dns0x20). */
  readonly wireName: Uint8Array;
  readonly type: number;
  readonly class: number;
};

export type DnsEdns = {
  /** As sent: below 512 it means 512 (RFC 6891 section 6.2.3). */
  readonly udpPayloadSize: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  /** Undecoded, a view. */
  readonly options: Uint8Array;
};

export type DnsMessage = DnsHeader & {
  readonly questions: readonly DnsQuestion[];
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  /** Without OPT. */
  readonly additionals: readonly DnsRecord[];
  readonly edns: DnsEdns | undefined;
};

/** Of a message that may be cut short or go wrong after it: enough to answer "format error", or to see that it's truncated. */
export function parseDnsHeader(bytes: Uint8Array): DnsHeader | undefined {
  if (bytes.length < DNS_HEADER_LENGTH) return undefined;
  const flags = get16(bytes, FLAGS);
  return {
    id: get16(bytes, ID),
    response: (flags & RESPONSE) !== 0,
    opcode: (flags >> OPCODE_SHIFT) & 0xf,
    authoritativeAnswer: (flags & AUTHORITATIVE_ANSWER) !== 0,
    truncated: (flags & TRUNCATED) !== 0,
    recursionDesired: (flags & RECURSION_DESIRED) !== 0,
    recursionAvailable: (flags & RECURSION_AVAILABLE) !== 0,
    authenticData: (flags & AUTHENTIC_DATA) !== 0,
    checkingDisabled: (flags & CHECKING_DISABLED) !== 0,
    rcode: flags & 0xf,
  };
}

/** A query or a response; bytes after it are ignored. `undefined` where one record or name is wrong, or OPT is there twice. */
export function parseDns(bytes: Uint8Array): DnsMessage | undefined {
  const header = parseDnsHeader(bytes);
  const questions = readQuestions(bytes);
  if (header === undefined || questions === undefined) return undefined;
  const answers = readRecords(bytes, questions.end, get16(bytes, ANSWER_COUNT));
  if (answers === undefined) return undefined;
  const authorities = readRecords(bytes, answers.end, get16(bytes, AUTHORITY_COUNT));
  if (authorities === undefined) return undefined;
  const additionals = readRecords(bytes, authorities.end, get16(bytes, ADDITIONAL_COUNT));
  if (additionals === undefined) return undefined;
  const [opt, second] = additionals.items.filter(({ type }) => type === OPT);
  if (second !== undefined || (opt !== undefined && opt.name !== ".")) return undefined;
  return {
    ...header,
    rcode: header.rcode | (((opt?.timeToLive ?? 0) >>> 24) << 4),
    questions: questions.items,
    answers: answers.items,
    authorities: authorities.items,
    additionals: additionals.items.filter(({ type }) => type !== OPT),
    edns: opt && ednsOf(opt),
  };
}

/**
 * The message in at most `limit` bytes. Records that don't fit are left out, with all after them, and it is marked truncated
 * (RFC 2181 section 9). The questions and OPT are there in any case (RFC 6891 section 7), be they longer than `limit`.
 */
export function emitDns(message: DnsMessage, limit: number): Uint8Array {
  const { questions, edns } = message;
  const optLength = edns === undefined ? 0 : OPT_LENGTH + edns.options.length;
  const questionsLength = questions.reduce((total, { wireName }) => total + wireName.length + 4, 0);
  const bytes = new Uint8Array(Math.max(limit, DNS_HEADER_LENGTH + questionsLength + optLength));
  const records = [...message.answers, ...message.authorities, ...message.additionals];
  putQuestions(questions, bytes);
  const put = putRecords(
    records,
    questions[0],
    bytes.subarray(0, bytes.length - optLength),
    DNS_HEADER_LENGTH + questionsLength,
  );
  if (edns !== undefined) putEdns(edns, message.rcode, bytes, put.end);
  putHeader({ ...message, truncated: message.truncated || put.count < records.length }, bytes);
  putCounts(message, put.count, bytes);
  return bytes.subarray(0, put.end + optLength);
}

type Section<Item> = { readonly items: readonly Item[]; readonly end: number };

function readQuestions(bytes: Uint8Array): Section<DnsQuestion> | undefined {
  const items: DnsQuestion[] = [];
  let at = DNS_HEADER_LENGTH;
  for (let count = get16(bytes, QUESTION_COUNT); count > 0; count--) {
    const read: ReadName | undefined = readName(bytes, at);
    if (read === undefined || read.end + 4 > bytes.length) return undefined;
    const { name, wireName, end } = read;
    items.push({ name, wireName, type: get16(bytes, end), class: get16(bytes, end + 2) });
    at = end + 4;
  }
  return { items, end: at };
}

/** Each takes 11 bytes at least, so the message's length bounds their number, whatever the header says. */
function readRecords(bytes: Uint8Array, start: number, count: number): Section<DnsRecord> | undefined {
  const items: DnsRecord[] = [];
  let at = start;
  while (items.length < count) {
    const read = readRecord(bytes, at);
    if (read === undefined) return undefined;
    items.push(read.record);
    at = read.end;
  }
  return { items, end: at };
}

function ednsOf({ class: udpPayloadSize, timeToLive, data }: DnsRecord): DnsEdns {
  return {
    udpPayloadSize,
    version: (timeToLive >>> 16) & 0xff,
    dnssecOk: (timeToLive & DNSSEC_OK) !== 0,
    options: data.kind === "raw" ? data.bytes : new Uint8Array(0),
  };
}

function putQuestions(questions: readonly DnsQuestion[], bytes: Uint8Array): void {
  let at = DNS_HEADER_LENGTH;
  for (const question of questions) {
    bytes.set(question.wireName, at);
    at += question.wireName.length;
    put16(bytes, at, question.type);
    put16(bytes, at + 2, question.class);
    at += 4;
  }
}

/** As many as fit. */
function putRecords(
  records: readonly DnsRecord[],
  question: DnsQuestion | undefined,
  room: Uint8Array,
  start: number,
): { readonly count: number; readonly end: number } {
  let count = 0;
  let at = start;
  for (const record of records) {
    // The first question's name is where most records' is: a pointer to it is all the compression there is.
    const name = question?.name === record.name ? DNS_HEADER_LENGTH : undefined;
    const written = emitRecord(record, name, room, at);
    if (written === undefined) break;
    at += written;
    count++;
  }
  return { count, end: at };
}

function putEdns(edns: DnsEdns, rcode: number, bytes: Uint8Array, at: number): void {
  bytes[at] = 0;
  put16(bytes, at + 1, OPT);
  put16(bytes, at + 3, edns.udpPayloadSize);
  bytes[at + 5] = rcode >>> 4;
  bytes[at + 6] = edns.version;
  put16(bytes, at + 7, edns.dnssecOk ? DNSSEC_OK : 0);
  put16(bytes, at + 9, edns.options.length);
  bytes.set(edns.options, at + OPT_LENGTH);
}

function putHeader(header: DnsHeader, bytes: Uint8Array): void {
  const flags =
    (header.response ? RESPONSE : 0) |
    (header.opcode << OPCODE_SHIFT) |
    (header.authoritativeAnswer ? AUTHORITATIVE_ANSWER : 0) |
    (header.truncated ? TRUNCATED : 0) |
    (header.recursionDesired ? RECURSION_DESIRED : 0) |
    (header.recursionAvailable ? RECURSION_AVAILABLE : 0) |
    (header.authenticData ? AUTHENTIC_DATA : 0) |
    (header.checkingDisabled ? CHECKING_DISABLED : 0) |
    (header.rcode & 0xf);
  put16(bytes, ID, header.id);
  put16(bytes, FLAGS, flags);
}

/** `written` records, the sections in their order. */
function putCounts(message: DnsMessage, written: number, bytes: Uint8Array): void {
  const answers = Math.min(written, message.answers.length);
  const authorities = Math.min(written - answers, message.authorities.length);
  put16(bytes, QUESTION_COUNT, message.questions.length);
  put16(bytes, ANSWER_COUNT, answers);
  put16(bytes, AUTHORITY_COUNT, authorities);
  put16(bytes, ADDITIONAL_COUNT, written - answers - authorities + (message.edns === undefined ? 0 : 1));
}
