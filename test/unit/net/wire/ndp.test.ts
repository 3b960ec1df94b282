import { expect, test } from "bun:test";
import { emitNdp, NDP_HOP_LIMIT, type NdpMessage, ndpLength, parseNdp } from "../../../../src/net/wire/ndp.ts";
import { type NdpOptions, parseNdpOptions } from "../../../../src/net/wire/ndp_options.ts";
import { type FrameName, fromHex } from "./captured.ts";
import { address, ipv6In, prefix, present, pseudoOf } from "./values.ts";

function emitted(message: NdpMessage, pseudo: Parameters<typeof emitNdp>[1]): string {
  const into = new Uint8Array(ndpLength(message) + 4).fill(0xee);
  expect(emitNdp(message, pseudo, into, 3)).toBe(into.length - 4);
  return into.subarray(3, into.length - 1).toHex();
}

test.each<readonly [FrameName, NdpMessage]>([
  [
    "neighborSolicitation",
    { kind: "neighbor-solicitation", target: address("fd00::2"), options: { sourceLinkLayerAddress: 0x020000000002 } },
  ],
  [
    "neighborAdvertisement",
    {
      kind: "neighbor-advertisement",
      router: false,
      solicited: true,
      override: true,
      target: address("fd00::2"),
      options: { targetLinkLayerAddress: 0x020000000001 },
    },
  ],
  ["routerSolicitation", { kind: "router-solicitation", options: { sourceLinkLayerAddress: 0x020000000001 } }],
])("%s of Linux, and back", (name, expected) => {
  const packet = ipv6In(name);
  expect(parseNdp(packet.payload, packet.hopLimit, pseudoOf(packet))).toEqual(expected);
  expect(emitted(expected, pseudoOf(packet))).toBe(packet.payload.toHex());
});

test("duplicate address detection of Linux: its nonce is skipped", () => {
  const packet = ipv6In("duplicateAddressDetection");
  expect(parseNdp(packet.payload, packet.hopLimit, pseudoOf(packet))).toEqual({
    kind: "neighbor-solicitation",
    target: address("fe80::ff:fe00:1"),
    options: {},
  });
});

const ALL_OPTIONS: NdpOptions = {
  sourceLinkLayerAddress: 0x020000000001,
  prefixes: [
    {
      prefix: prefix("fd00::/64"),
      onLink: true,
      autonomous: true,
      validLifetime: 86400,
      preferredLifetime: 14400,
    },
  ],
  mtu: 65496,
  routes: [{ prefix: prefix("fd01::/64"), preference: "high", lifetime: 3600 }],
  recursiveDnsServers: { lifetime: 3600, addresses: [address("fd00::3")] },
  searchList: { lifetime: 3600, domains: ["lan", "net.home"] },
};

const ADVERTISEMENT: NdpMessage = {
  kind: "router-advertisement",
  currentHopLimit: 64,
  managed: true,
  other: true,
  routerLifetime: 1800,
  reachableTime: 0,
  retransTimer: 0,
  options: ALL_OPTIONS,
};

// By hand from RFC 4861, RFC 4191 and RFC 8106; the checksum by Python's struct, from fe80::1 to ff02::1.
const ADVERTISED = `8600 9031 40 c0 0708 00000000 00000000
  0101 020000000001
  0304 40 c0 00015180 00003840 00000000 fd000000000000000000000000000000
  0501 0000 0000ffd8
  1802 40 08 00000e10 fd01000000000000
  1903 0000 00000e10 fd000000000000000000000000000003
  1f03 0000 00000e10 036c616e00 036e657404686f6d6500 00`.replaceAll("\n", "");

test("a router advertisement with every option, both ways", () => {
  const pseudo = { source: address("fe80::1"), destination: address("ff02::1") };
  expect(emitted(ADVERTISEMENT, pseudo)).toBe(fromHex(ADVERTISED).toHex());
  expect(parseNdp(fromHex(ADVERTISED), NDP_HOP_LIMIT, pseudo)).toEqual(ADVERTISEMENT);
});

test("routes of 0, 8 and 16 bytes of prefix", () => {
  for (const text of ["::/0", "fd00::/1", "fd00::/64", "fd00::/65", "fd00::1/128"]) {
    const options: NdpOptions = { routes: [{ prefix: prefix(text), preference: "low", lifetime: 1 }] };
    const message: NdpMessage = { kind: "router-solicitation", options };
    const pseudo = { source: address("::"), destination: address("ff02::2") };
    expect(parseNdp(fromHex(emitted(message, pseudo)), NDP_HOP_LIMIT, pseudo)).toEqual(message);
  }
});

test.each([
  ["another hop limit", "", 64],
  ["a wrong checksum", "0001", 255],
])("%s is refused", (_, damage, hopLimit) => {
  const packet = ipv6In("routerSolicitation");
  packet.payload.set(fromHex(damage), 2);
  expect(parseNdp(packet.payload, hopLimit, pseudoOf(packet))).toBeUndefined();
});

test.each([
  ["cut short", "85000000 000000"],
  ["a target cut short", "87000000 00000000 fd0000000000000000000000000000"],
  ["a code other than 0", "85010000 00000000"],
  ["another type", "89000000 00000000"],
  ["an option of length 0", "85000000 00000000 0100 000000000000"],
  ["an option beyond the end", "85000000 00000000 0102 000000000000"],
  ["half an option", "85000000 00000000 01"],
])("%s: refused", (_, hex) => {
  expect(parseNdp(fromHex(hex), NDP_HOP_LIMIT)).toBeUndefined();
});

test.each([
  ["a link-layer address of 14 bytes", "0102 0000000000000000000000000000"],
  ["a prefix longer than 128", "0304 81 00 00000000 00000000 00000000 fd000000000000000000000000000000"],
  ["a route longer than its bytes", "1802 41 00 00000000 fd00000000000000"],
  ["a route of the reserved preference", "1802 40 10 00000000 fd00000000000000"],
  ["no DNS server", "1901 0000 00000001"],
  ["half a DNS server", "1902 0000 00000001 fd00000000000000"],
  ["no search domain", "1f02 0000 00000001 0000000000000000"],
  ["a search domain cut short", "1f02 0000 00000001 086c616e00000000"],
  ["a search domain with a pointer", "1f02 0000 00000001 036c616ec000c000"],
])("%s is skipped, and what follows is read", (_, hex) => {
  expect(present(parseNdpOptions(fromHex(`${hex} 0501 0000 00000500`)))).toEqual({ mtu: 1280 });
});
