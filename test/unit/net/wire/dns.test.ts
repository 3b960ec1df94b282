import { expect, test } from "bun:test";
import {
  DNS_CLASS,
  DNS_RCODE,
  DNS_TYPE,
  DNS_UDP_LIMIT,
  type DnsMessage,
  type DnsRecord,
  emitDns,
  parseDns,
  parseDnsHeader,
} from "../../../../src/net/wire/dns.ts";
import { encodeName } from "../../../../src/net/wire/domain_name.ts";
import { fromHex } from "./captured.ts";
import { address, present } from "./values.ts";

// By hand from RFC 1035 and RFC 6891; 0x20 mixed case in the name.
const QUESTION = "07 4578616d506c45 03 436f6d 00 0001 0001";
const QUERY = `1234 0100 0001 0000 0000 0000 ${QUESTION}`;
const EDNS_QUERY = `1234 0120 0001 0000 0000 0001 ${QUESTION} 00 0029 04d0 00008000 000c 000a0008 0102030405060708`;

function query(hex = QUERY): DnsMessage {
  return present(parseDns(fromHex(hex)));
}

function response(answers: readonly DnsRecord[], to = query()): DnsMessage {
  return { ...to, response: true, recursionAvailable: true, answers };
}

function record(type: number, data: DnsRecord["data"], name = "example.com"): DnsRecord {
  return { name, type, class: DNS_CLASS.IN, timeToLive: 300, data };
}

const A = record(DNS_TYPE.A, { kind: "address", address: address("192.0.2.1") });
const AAAA = record(DNS_TYPE.AAAA, { kind: "address", address: address("2001:db8::1") });

test("a query", () => {
  expect(query()).toEqual({
    id: 0x1234,
    response: false,
    opcode: 0,
    authoritativeAnswer: false,
    truncated: false,
    recursionDesired: true,
    recursionAvailable: false,
    authenticData: false,
    checkingDisabled: false,
    rcode: 0,
    questions: [{ name: "example.com", wireName: fromHex("074578616d506c4503436f6d00"), type: 1, class: 1 }],
    answers: [],
    authorities: [],
    additionals: [],
    edns: undefined,
  });
});

test("a query with EDNS, and both queries back", () => {
  expect(query(EDNS_QUERY)).toMatchObject({
    authenticData: true,
    additionals: [],
    edns: { udpPayloadSize: 1232, version: 0, dnssecOk: true, options: fromHex("000a00080102030405060708") },
  });
  expect(emitDns(query(), 512).toHex()).toBe(fromHex(QUERY).toHex());
  expect(emitDns(query(EDNS_QUERY), 512).toHex()).toBe(fromHex(EDNS_QUERY).toHex());
});

test("A and AAAA: byte for byte, with the question's case and a pointer to it", () => {
  const hex = `1234 8180 0001 0002 0000 0000 ${QUESTION}
    c00c 0001 0001 0000012c 0004 c0000201 c00c 001c 0001 0000012c 0010 20010db8000000000000000000000001`;
  const bytes = fromHex(hex.replace("\n", ""));
  expect(emitDns(response([A, AAAA]), 512).toHex()).toBe(bytes.toHex());
  expect(parseDns(bytes)).toEqual(response([A, AAAA]));
});

test("PTR and CNAME: names of records and in them", () => {
  const cname = record(DNS_TYPE.CNAME, { kind: "name", name: "www.example.net" });
  const other = record(DNS_TYPE.A, A.data, "www.example.net");
  const ptr = record(DNS_TYPE.PTR, { kind: "name", name: "a\\.b.test" }, "3.2.0.10.in-addr.arpa");
  const message = response([cname, other, ptr]);
  expect(parseDns(emitDns(message, 512))).toEqual(message);
});

// As servers compress: CNAME data against the question, the next owner against that data.
test("compressed names in records", () => {
  const hex = `0001 8180 0001 0002 0000 0000 037777770474657374 00 0001 0001
    c00c 0005 0001 00000005 0007 0463646e31 c010 c026 0001 0001 00000005 0004 7f000001`;
  expect(present(parseDns(fromHex(hex.replace("\n", "")))).answers).toEqual([
    { name: "www.test", type: 5, class: 1, timeToLive: 5, data: { kind: "name", name: "cdn1.test" } },
    { name: "cdn1.test", type: 1, class: 1, timeToLive: 5, data: { kind: "address", address: address("127.0.0.1") } },
  ]);
});

test("other types, and other classes, stay bytes", () => {
  const message = response([
    record(DNS_TYPE.TXT, { kind: "raw", bytes: fromHex("0161") }),
    { ...A, class: 3, data: { kind: "raw", bytes: fromHex("aa") } },
  ]);
  expect(parseDns(emitDns(message, 512))).toEqual(message);
});

test("sections, rcode and its upper bits in EDNS", () => {
  const edns = { udpPayloadSize: 4096, version: 0, dnssecOk: false, options: new Uint8Array(0) };
  const message: DnsMessage = {
    ...response([A]),
    authoritativeAnswer: true,
    checkingDisabled: true,
    rcode: DNS_RCODE.BAD_VERSION,
    authorities: [AAAA],
    additionals: [A, AAAA],
    edns,
  };
  expect(parseDns(emitDns(message, 512))).toEqual(message);
  const refused = { ...response([]), rcode: DNS_RCODE.REFUSED };
  expect(emitDns(refused, 512).subarray(2, 4).toHex()).toBe("8185");
});

test("what doesn't fit is left out, from the first that doesn't on, and it's marked; OPT stays", () => {
  const many = response(new Array(100).fill(A), query(EDNS_QUERY));
  const bytes = emitDns({ ...many, authorities: [A] }, DNS_UDP_LIMIT);
  expect(bytes.length).toBeLessThanOrEqual(DNS_UDP_LIMIT);
  const parsed = present(parseDns(bytes));
  expect(parsed.truncated).toBe(true);
  expect(parsed.edns).toEqual(many.edns);
  // 512 less header 12, question 17, OPT 23: 460 bytes for records of 16.
  expect([parsed.answers.length, parsed.authorities.length]).toEqual([28, 0]);
  expect(present(parseDns(emitDns(many, 29 + 23 + 1600))).truncated).toBe(false);
  expect(present(parseDns(emitDns(many, 29 + 23 + 1599))).answers.length).toBe(99);
});

test("questions and OPT longer than the limit are there all the same", () => {
  const question = { name: "x", wireName: present(encodeName("x".repeat(60))), type: 1, class: 1 };
  const message = { ...query(EDNS_QUERY), questions: new Array(20).fill(question) };
  expect(present(parseDns(emitDns(message, 512))).questions.length).toBe(20);
});

test.each([
  ["11 bytes", "1234 0100 0001 0000 0000 00"],
  ["a question that's not there", "1234 0100 0001 0000 0000 0000"],
  ["a question cut short", "1234 0100 0001 0000 0000 0000 00 0001 00"],
  ["65535 records that aren't there", `1234 8180 0000 ffff 0000 0000 ${"00".repeat(110)}`],
  ["a record beyond the end", "1234 8180 0000 0001 0000 0000 00 0010 0001 00000000 0002 00"],
  ["an A record of 5 bytes", "1234 8180 0000 0001 0000 0000 00 0001 0001 00000000 0005 0102030405"],
  ["an AAAA record of 4 bytes", "1234 8180 0000 0001 0000 0000 00 001c 0001 00000000 0004 01020304"],
  ["a CNAME with more than a name", "1234 8180 0000 0001 0000 0000 00 0005 0001 00000000 0002 0000"],
  ["a CNAME longer than its data", "1234 8180 0000 0001 0000 0000 00 0005 0001 00000000 0001 0161 00"],
  ["OPT twice", "1234 0100 0000 0000 0000 0002 00 0029 0200 00000000 0000 00 0029 0200 00000000 0000"],
  ["OPT with a name", "1234 0100 0000 0000 0000 0001 0161 00 0029 0200 00000000 0000"],
])("%s: refused", (_, hex) => {
  expect(parseDns(fromHex(hex))).toBeUndefined();
});

test("the header alone tells of what is cut short", () => {
  const cut = fromHex(QUERY).subarray(0, 20);
  expect(parseDns(cut)).toBeUndefined();
  expect(parseDnsHeader(cut)).toMatchObject({ id: 0x1234, recursionDesired: true });
  expect(parseDnsHeader(fromHex("0001 fa35 00000000 00000000"))).toMatchObject({
    response: true,
    opcode: 15,
    truncated: true,
    authenticData: true,
    checkingDisabled: true,
    rcode: 5,
  });
});
