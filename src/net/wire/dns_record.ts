// Resource records: RFC 1035 section 3.2; AAAA: RFC 3596. Those that we act on are decoded, the others kept as bytes.
import { encodeName, readName } from "./domain_name.ts";
import type { IpAddress } from "./ip_address.ts";
import { get16, get32, put16, put32 } from "./network_order.ts";

/** After the name. */
const TYPE = 0;
const CLASS = 2;
const TIME_TO_LIVE = 4;
const DATA_LENGTH = 8;
const DATA = 10;

const POINTER = 0xc000;

export const DNS_TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  HTTPS: 65,
  ANY: 255,
} as const;
export const DNS_CLASS = { IN: 1, ANY: 255 } as const;
/** No record but EDNS in the shape of one: RFC 6891. */
export const OPT = 41;

export type DnsData =
  | { readonly kind: "address"; readonly address: IpAddress }
  | { readonly kind: "name"; readonly name: string }
  /** A view. It may hold compressed names, which mean nothing outside their message: not to be emitted in another. */
  | { readonly kind: "raw"; readonly bytes: Uint8Array };

export type DnsRecord = {
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** Seconds. */
  readonly timeToLive: number;
  readonly data: DnsData;
};

/** The record at `at`, and where the next one starts. */
export function readRecord(
  bytes: Uint8Array,
  at: number,
): { readonly record: DnsRecord; readonly end: number } | undefined {
  const read = readName(bytes, at);
  if (read === undefined) return undefined;
  const { name, end: fields } = read;
  const end = fields + DATA + get16(bytes, fields + DATA_LENGTH);
  if (fields + DATA > bytes.length || end > bytes.length) return undefined;
  const [type, recordClass] = [get16(bytes, fields + TYPE), get16(bytes, fields + CLASS)];
  const data = readData(type, recordClass, bytes, fields + DATA, end);
  const timeToLive = get32(bytes, fields + TIME_TO_LIVE);
  return data && { record: { name, type, class: recordClass, timeToLive, data }, end };
}

/** Bytes written; `undefined` if it does not fit. The name is a pointer to `nameAt` where that is given. */
export function emitRecord(
  record: DnsRecord,
  nameAt: number | undefined,
  into: Uint8Array,
  offset: number,
): number | undefined {
  const name = nameAt === undefined ? wireNameOf(record.name) : Uint8Array.of((POINTER | nameAt) >> 8, nameAt & 0xff);
  const data = encodeData(record.data);
  const fields = offset + name.length;
  if (fields + DATA + data.length > into.length) return undefined;
  into.set(name, offset);
  put16(into, fields + TYPE, record.type);
  put16(into, fields + CLASS, record.class);
  put32(into, fields + TIME_TO_LIVE, record.timeToLive);
  put16(into, fields + DATA_LENGTH, data.length);
  into.set(data, fields + DATA);
  return name.length + DATA + data.length;
}

/** `undefined` where an address or a name has not the length that the record says. */
function readData(
  type: number,
  recordClass: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): DnsData | undefined {
  const data = bytes.subarray(start, end);
  if (recordClass === DNS_CLASS.IN) {
    if (type === DNS_TYPE.A) return addressOf(4, data);
    if (type === DNS_TYPE.AAAA) return addressOf(6, data);
    if (type === DNS_TYPE.CNAME || type === DNS_TYPE.PTR) return nameOf(bytes, start, end);
  }
  return { kind: "raw", bytes: data };
}

function addressOf(family: 4 | 6, bytes: Uint8Array): DnsData | undefined {
  return bytes.length === (family === 4 ? 4 : 16) ? { kind: "address", address: { family, bytes } } : undefined;
}

function nameOf(bytes: Uint8Array, start: number, end: number): DnsData | undefined {
  const read = readName(bytes, start);
  return read?.end === end ? { kind: "name", name: read.name } : undefined;
}

function encodeData(data: DnsData): Uint8Array {
  switch (data.kind) {
    case "address":
      return data.address.bytes;
    case "name":
      return wireNameOf(data.name);
    case "raw":
      return data.bytes;
  }
}

/** Names of records come from readName, or from configuration that has been checked with encodeName. */
function wireNameOf(name: string): Uint8Array {
  const wire = encodeName(name);
  if (wire === undefined) throw new RangeError(`not a domain name: ${name}`);
  return wire;
}
