import { describe, expect, test } from "bun:test";
import { entriesForSandbox, HostsTable, parseHosts } from "../../../../src/net/dns/hosts_file.ts";
import { formatIpAddress } from "../../../../src/net/wire/ip_address.ts";
import { ip } from "../../../fixtures/net/dns.ts";
import { tableOf } from "../../../fixtures/net/transcript.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";

function shown(text: string): readonly string[] {
  return parseHosts(text).map(({ address, names }) => `${formatIpAddress(address)} ${names.join(" ")}`);
}

const LINES: readonly (readonly [string, readonly string[]])[] = [
  ["127.0.0.1 localhost", ["127.0.0.1 localhost"]],
  [
    "\t192.0.2.1\ta.Example.  A # the first\r\n\n# 192.0.2.2 b\n192.0.2.3 c#d\n",
    ["192.0.2.1 a.example a", "192.0.2.3 c"],
  ],
  ["::1 ip6-localhost\nfe80::1%lo0 localhost\n", ["::1 ip6-localhost"]],
  ["192.0.2.1\nname 192.0.2.1\n300.0.0.1 a\n192.0.2.1 .\n", []],
  ["192.0.2.1 b\xfcrger good\n", ["192.0.2.1 good"]],
];

describe("parseHosts()", () => {
  test.each(LINES)("%j", (text, expected) => {
    expect(shown(text)).toEqual(expected);
  });

  test("a hundred thousand names that somebody wants to be rid of", () => {
    const text = Array.from({ length: 100_000 }, (_, at) => `0.0.0.0 ad${at}.example`).join("\n");
    expect(tableOf(text).addressesOf("ad99999.example")?.map(formatIpAddress)).toEqual(["0.0.0.0"]);
  });
});

describe("HostsTable", () => {
  const table = tableOf("192.0.2.1 a.example a\nfd00::1 a\n192.0.2.1 b\n192.0.2.1 a\n");

  test("knows all addresses of a name, each once", () => {
    expect(table.addressesOf("a")?.map(formatIpAddress)).toEqual(["192.0.2.1", "fd00::1"]);
    expect(table.addressesOf("b")?.map(formatIpAddress)).toEqual(["192.0.2.1"]);
    expect(table.addressesOf("c")).toBeUndefined();
    expect(table.addressesOf("__proto__")).toBeUndefined();
  });

  test("knows the canonical name of an address, the first", () => {
    expect(table.nameOf(ip("192.0.2.1"))).toBe("a.example");
    expect(table.nameOf(ip("fd00::1"))).toBe("a");
    expect(table.nameOf(ip("192.0.2.2"))).toBeUndefined();
  });
});

describe("entriesForSandbox()", () => {
  const entries = parseHosts("127.0.1.1 laptop\n::1 laptop\n192.0.2.1 a\n");
  const addressesIn = (gateways: readonly string[]): readonly string[] =>
    entriesForSandbox(entries, gateways.map(ip)).map(({ address }) => formatIpAddress(address));

  test("the host's loopback is reached by the gateway", () => {
    expect(addressesIn(["10.0.2.2", "fd00::2"])).toEqual(["10.0.2.2", "fd00::2", "192.0.2.1"]);
    expect(addressesIn(["10.0.2.2"])).toEqual(["10.0.2.2", "::1", "192.0.2.1"]);
  });

  test("or, without one, not at all", () => {
    expect(addressesIn([])).toEqual(["127.0.1.1", "::1", "192.0.2.1"]);
  });
});

const ROUNDS = 20_000;
const PIECES = [
  "127.0.0.1",
  "::1",
  "fe80::1%lo",
  "a",
  "b.example",
  ".",
  " ",
  "\t",
  "\n",
  "#",
  "\r",
  "\0",
  "\xff",
  "256.1.1.1",
] as const;

test(`${ROUNDS} texts of pieces are read, and each name found leads to its address`, () => {
  const { below, pick } = random(0x4057);
  let found = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const entries = parseHosts(Array.from({ length: below(30) }, () => pick(PIECES)).join(""));
    const table = new HostsTable(entries);
    for (const { address, names } of entries) {
      found++;
      for (const name of names) {
        expect(name).toMatch(/^[\x21-\x7e]+$/);
        expect(table.addressesOf(name)?.map(formatIpAddress)).toContain(formatIpAddress(address));
      }
      expect(table.nameOf(address)).toBeString();
    }
  }
  expect(found).toBeGreaterThan(ROUNDS / 50);
});
