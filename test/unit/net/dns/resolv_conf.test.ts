import { describe, expect, test } from "bun:test";
import { chooseServers } from "../../../../src/net/dns/choose_servers.ts";
import { formatResolvConf, parseResolvConf, type ResolvConf } from "../../../../src/net/dns/resolv_conf.ts";
import { formatIpAddress } from "../../../../src/net/wire/ip_address.ts";
import { latin1 } from "../../../fixtures/net/first_bytes.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";

function servers({ servers: all }: ResolvConf): readonly string[] {
  return all.map(({ address, zone }) => formatIpAddress(address) + (zone === undefined ? "" : `%${zone}`));
}

const SERVERS: readonly (readonly [string, readonly string[]])[] = [
  ["", []],
  ["nameserver 192.0.2.1", ["192.0.2.1"]],
  ["nameserver\t192.0.2.1 # office\r\nnameserver fd00::1\n", ["192.0.2.1", "fd00::1"]],
  ["# nameserver 192.0.2.1\n;nameserver 192.0.2.2\n nameserver 192.0.2.3\n", []],
  ["nameserver fe80::1%eth0\nnameserver fe80::1%\nnameserver 192.0.2.1%eth0\n", ["fe80::1%eth0", "192.0.2.1"]],
  ["nameserver\nnameserver a.example\nnameserver 1.2.3\nnameservers 192.0.2.1\n", []],
  ["nameserver 192.0.2.1\n".repeat(20), Array(8).fill("192.0.2.1")],
];

const SEARCH: readonly (readonly [string, readonly string[]])[] = [
  ["search a.example b.example", ["a.example", "b.example"]],
  ["search A.Example. .\n", ["a.example", "."]],
  ["search a.example\ndomain b.example c.example", ["b.example"]],
  ["domain b.example\nsearch a.example", ["a.example"]],
  ["search a.example\nsearch", []],
  ["search a$b.example b.example", ["b.example"]],
];

const OPTIONS: readonly (readonly [string, object])[] = [
  ["", { ndots: 1, timeout: 5, attempts: 2, rotate: false, useTcp: false }],
  [
    "options ndots:5 timeout:2 attempts:3 rotate use-vc edns0 trust-ad",
    { ndots: 5, timeout: 2, attempts: 3, rotate: true, useTcp: true },
  ],
  ["options ndots:99 timeout:99 attempts:99", { ndots: 15, timeout: 30, attempts: 5 }],
  ["options ndots:0 timeout:0 attempts:0", { ndots: 0, timeout: 1, attempts: 1 }],
  ["options ndots:x timeout: attempts:-1 ndots:", { ndots: 1, timeout: 5, attempts: 2 }],
  ["options ndots:2\noptions timeout:3", { ndots: 2, timeout: 3 }],
];

describe("parseResolvConf()", () => {
  test.each(SERVERS)("servers of %j", (text, expected) => {
    expect(servers(parseResolvConf(text))).toEqual([...expected]);
  });

  test.each(SEARCH)("search list of %j", (text, expected) => {
    expect(parseResolvConf(text).search).toEqual(expected);
  });

  test.each(OPTIONS)("options of %j", (text, expected) => {
    expect(parseResolvConf(text).options).toMatchObject(expected);
  });

  test("written down and read again, it says the same", () => {
    const text = "nameserver 10.0.2.3\nnameserver fe80::3%eth0\nsearch a.example b.example\noptions ndots:5 rotate\n";
    expect(formatResolvConf(parseResolvConf(text))).toBe(text);
  });
});

const STUB = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch home\n";
const UPSTREAM = "nameserver 192.168.1.1\nnameserver 192.168.1.2\nsearch elsewhere\n";
const CHOICES: readonly (readonly [string, string, string | undefined, readonly string[]])[] = [
  ["plain servers", "nameserver 192.0.2.1\n", undefined, ["192.0.2.1"]],
  ["plain servers, though resolved runs", "nameserver 192.0.2.1\n", UPSTREAM, ["192.0.2.1"]],
  ["a local server that is not resolved's", "nameserver 127.0.0.1\n", UPSTREAM, ["127.0.0.1"]],
  ["the stub, and what is behind it", STUB, UPSTREAM, ["127.0.0.53", "192.168.1.1", "192.168.1.2"]],
  ["the stub alone", STUB, undefined, ["127.0.0.53"]],
  [
    "the stub, and one of those behind it",
    `${STUB}nameserver 192.168.1.2\n`,
    UPSTREAM,
    ["127.0.0.53", "192.168.1.2", "192.168.1.1"],
  ],
  ["no server at all", "search home\n", UPSTREAM, ["127.0.0.1", "::1"]],
];

describe("chooseServers()", () => {
  test.each(CHOICES)("%s", (_what, resolvConf, upstream, expected) => {
    expect(servers(chooseServers(resolvConf, upstream))).toEqual([...expected]);
  });

  test("takes the search list of resolv.conf", () => {
    expect(chooseServers(STUB, UPSTREAM).search).toEqual(["home"]);
  });
});

const ROUNDS = 20_000;
const PIECES = [
  "nameserver",
  "\nnameserver ",
  "\nsearch ",
  "\noptions ",
  "search",
  "domain",
  "options",
  " ",
  "\t",
  "\n",
  "\r\n",
  "#",
  ";",
  "%",
  "192.0.2.1",
  "fe80::1",
  "ndots:",
  "9",
  "a.example",
  ".",
  "\0",
  "\xff",
  "rotate",
] as const;

test(`${ROUNDS} texts of pieces are read, within bounds, and say the same when written and read again`, () => {
  const { below, pick } = random(0x4e50);
  let found = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const text = Array.from({ length: below(40) }, () => pick(PIECES)).join("");
    const conf = parseResolvConf(text);
    found += conf.servers.length;
    expect(conf.servers.length).toBeLessThanOrEqual(8);
    expect(conf.search.length).toBeLessThanOrEqual(32);
    expect(parseResolvConf(formatResolvConf(conf))).toEqual(conf);
  }
  expect(found).toBeGreaterThan(ROUNDS / 50);
  expect(parseResolvConf(new TextDecoder().decode(latin1("\xff".repeat(100)))).servers).toEqual([]);
});
