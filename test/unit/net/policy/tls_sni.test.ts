import { describe, expect, test } from "bun:test";
import type { NameReading } from "../../../../src/net/policy/name_reading.ts";
import { readServerName } from "../../../../src/net/policy/tls_sni.ts";
import {
  helloMessage,
  inRecords,
  joined,
  latin1,
  messageIn,
  REAL_HELLOS,
  REAL_NAME,
  realHello,
  serverName,
  vector,
} from "../../../fixtures/net/first_bytes.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";

const NAMED: NameReading = { kind: "names", names: [REAL_NAME] };

describe("readServerName() of real ClientHellos", () => {
  test.each(REAL_HELLOS)("%s", (client) => {
    expect(readServerName(realHello(client))).toEqual(NAMED);
  });

  test("openssl without a name", () => {
    expect(readServerName(realHello("openssl_no_name"))).toEqual({ kind: "none" });
  });

  test.each(REAL_HELLOS)("%s, cut anywhere: more is wanted, never more than there is to come", (client) => {
    const hello = realHello(client);
    for (let length = 0; length < hello.length; length++) {
      const reading = readServerName(hello.subarray(0, length));
      if (reading.kind !== "need-more") throw new Error(`${length} bytes: ${reading.kind}`);
      expect(reading.length).toBeGreaterThan(length);
      expect(reading.length).toBeLessThanOrEqual(hello.length);
    }
  });

  test.each([1, 2, 3, 4, 5, 100, 500])("spread over records of %p bytes", (size) => {
    for (const client of REAL_HELLOS)
      expect(readServerName(inRecords(messageIn(realHello(client)), size))).toEqual(NAMED);
  });

  test("followed by more, as with early data", () => {
    expect(readServerName(joined(realHello("node"), [23, 3, 3, 0, 1, 0]))).toEqual(NAMED);
  });
});

const READINGS: readonly (readonly [string, Uint8Array, NameReading["kind"]])[] = [
  ["nothing", new Uint8Array(), "need-more"],
  ["one byte", Uint8Array.of(22), "need-more"],
  ["SSH", latin1("SSH-2.0-x"), "other-protocol"],
  ["a first byte of TLS and no version of it", Uint8Array.of(22, 0x20), "other-protocol"],
  ["an alert first", Uint8Array.of(21, 3, 1, 0, 2, 1, 0), "malformed"],
  ["application data first", Uint8Array.of(23, 3, 3, 0, 1, 0), "malformed"],
  ["an empty record", Uint8Array.of(22, 3, 1, 0, 0), "malformed"],
  ["a record longer than 2^14", Uint8Array.of(22, 3, 1, 0x40, 1), "malformed"],
  ["a ServerHello", inRecords(joined([2], vector(3, [0]))), "malformed"],
  ["a hello of 16 MiB", inRecords(Uint8Array.of(1, 0xff, 0xff, 0xff)), "malformed"],
  ["an alert between the fragments", joined(inRecords(helloMessage().subarray(0, 9)), [21, 3, 3, 0, 2]), "malformed"],
  ["HTTP between the fragments", joined(inRecords(helloMessage().subarray(0, 9)), latin1("GET /")), "malformed"],
  ["no extensions", inRecords(helloMessage()), "none"],
  ["two names in the list", inRecords(helloMessage(serverName("a.example", "b.example"))), "malformed"],
  ["the extension twice", inRecords(helloMessage(serverName("a.example"), serverName("b.example"))), "malformed"],
  ["an empty list", inRecords(helloMessage(joined([0, 0], vector(2, vector(2))))), "malformed"],
  ["an empty extension", inRecords(helloMessage(joined([0, 0], vector(2)))), "malformed"],
  [
    "a name of another type",
    inRecords(helloMessage(joined([0, 0], vector(2, vector(2, [1], vector(2, [97])))))),
    "malformed",
  ],
  ["an empty name", inRecords(helloMessage(serverName(""))), "malformed"],
  ["a name with NUL", inRecords(helloMessage(serverName("a.example\0.b"))), "malformed"],
  ["a name with a blank", inRecords(helloMessage(serverName("a.example "))), "malformed"],
  ["a name in upper case, with the root's dot", inRecords(helloMessage(serverName("A.Example."))), "names"],
];

describe("readServerName()", () => {
  test.each(READINGS)("%s", (_what, bytes, kind) => {
    expect(readServerName(bytes).kind).toBe(kind);
  });

  test("a hello just within the limit, and one beyond it", () => {
    const padded = (length: number): Uint8Array =>
      inRecords(helloMessage(joined([0, 21], vector(2, new Uint8Array(length))), serverName("a.example")));
    expect(readServerName(padded(16000)).kind).toBe("names");
    expect(readServerName(padded(16400)).kind).toBe("malformed");
    expect(readServerName(padded(16400).subarray(0, 9)).kind).toBe("malformed");
  });
});

const ROUNDS = 60_000;

test(`${ROUNDS} damaged ClientHellos are read or refused, and show no name that is not in them`, () => {
  const { below, pick } = random(0x7159);
  const seeds = REAL_HELLOS.map(realHello);
  const kinds = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    const [first = new Uint8Array(), ...others] = seeds;
    const hello = pick([first, ...others]).slice();
    for (let count = 1 + below(4); count > 0; count--) hello[below(hello.length)] = below(256);
    const reading = readServerName(hello.subarray(0, below(4) === 0 ? below(hello.length) : hello.length));
    kinds.set(reading.kind, (kinds.get(reading.kind) ?? 0) + 1);
    if (reading.kind !== "names") continue;
    const text = new TextDecoder("latin1").decode(hello).toLowerCase();
    for (const name of reading.names) expect(text).toContain(name);
  }
  expect([...kinds.keys()].sort()).toEqual(["malformed", "names", "need-more", "none", "other-protocol"]);
});
