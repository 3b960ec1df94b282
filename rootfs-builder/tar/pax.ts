// pax extended header records, POSIX.1-2017 pax(1) "pax Extended Header": `LENGTH KEYWORD=VALUE\n`, LENGTH counting the
// whole record. Values stay bytes: a path need not be UTF-8 (hdrcharset=BINARY), an extended attribute is no text at all.
import { TarError } from "./tar_error.ts";

export type PaxRecords = ReadonlyMap<string, Uint8Array>;

const LENGTH_DIGITS = 10;
const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
/** GNU.sparse 0.0 says them once for each region: they are gathered as a list with commas, the form of 0.1. */
const REPEATED = new Set(["GNU.sparse.offset", "GNU.sparse.numbytes"]);

/** The records of one extended header's body. A later record replaces an earlier one of the same keyword. */
export function decodePax(body: Uint8Array, offset: number): PaxRecords {
  const records = new Map<string, Uint8Array>();
  const lists = new Map<string, string[]>();
  for (let at = 0; at < body.length; ) {
    const start = recordStart(body, at, offset);
    const end = at + lengthAt(body, at, offset);
    const record = recordBetween(body, start, end, offset + at);
    const equals = record.indexOf(EQUALS);
    if (equals < 1) throw new TarError("a pax record has no keyword", offset + at);
    const keyword = keywordOf(record.subarray(0, equals), offset + at);
    const value = record.slice(equals + 1, -1);
    if (REPEATED.has(keyword)) appendTo(lists, keyword, text(value));
    else records.set(keyword, value);
    at = end;
  }
  for (const [keyword, values] of lists) records.set(keyword, new TextEncoder().encode(values.join(",")));
  return records;
}

/** Seconds since 1970 with a decimal fraction, as nanoseconds. */
export function decodePaxTime(value: Uint8Array, offset: number): bigint {
  const match = /^(-?)(\d{1,12})(?:\.(\d*))?$/.exec(text(value));
  if (!match) throw new TarError("a pax time is no decimal number", offset);
  const [, sign, seconds = "0", fraction = ""] = match;
  const nanoseconds = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
  return sign === "-" ? -nanoseconds : nanoseconds;
}

/** A decimal number that is not negative and exact in a double. */
export function decodePaxNumber(value: Uint8Array, keyword: string, offset: number): number {
  const digits = text(value);
  const number = Number(digits);
  if (!/^\d{1,16}$/.test(digits) || !Number.isSafeInteger(number))
    throw new TarError(`the pax record ${keyword} is no number in range`, offset);
  return number;
}

function appendTo(lists: Map<string, string[]>, keyword: string, value: string): void {
  const list = lists.get(keyword);
  if (list) list.push(value);
  else lists.set(keyword, [value]);
}

/** From after the space to the newline, both ends checked. */
function recordBetween(body: Uint8Array, start: number, end: number, offset: number): Uint8Array {
  if (end > body.length || end <= start || body[end - 1] !== NEWLINE)
    throw new TarError("a pax record's length does not fit its header", offset);
  return body.subarray(start, end);
}

function recordStart(body: Uint8Array, at: number, offset: number): number {
  return at + String(lengthAt(body, at, offset)).length + 1;
}

function lengthAt(body: Uint8Array, at: number, offset: number): number {
  let length = 0;
  for (let digit = 0; digit <= LENGTH_DIGITS; digit++) {
    const byte = body[at + digit] ?? 0;
    if (byte === SPACE && digit > 0) return length;
    // A leading zero would make the text longer than the number says.
    if (byte < 0x30 || byte > 0x39 || (byte === 0x30 && digit === 0)) break;
    length = length * 10 + byte - 0x30;
  }
  throw new TarError("a pax record does not begin with its length", offset + at);
}

/** POSIX has keywords in UTF-8. One that is none would become another in a string. */
function keywordOf(bytes: Uint8Array, offset: number): string {
  try {
    return keywords.decode(bytes);
  } catch {
    throw new TarError("a pax keyword is no UTF-8", offset);
  }
}

function text(bytes: Uint8Array): string {
  return values.decode(bytes);
}

const keywords = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const values = new TextDecoder();
