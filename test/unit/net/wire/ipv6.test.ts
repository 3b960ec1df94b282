import { expect, test } from "bun:test";
import { emitIp, ipHeaderLength, parseIp, parseQuotedIp } from "../../../../src/net/wire/ip.ts";
import {
  emitIpv6,
  type Ipv6Header,
  parseIpv6,
  parseQuotedIpv6,
  walkExtensionHeaders,
} from "../../../../src/net/wire/ipv6.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";
import { captured, fromHex } from "./captured.ts";
import { address, ipv4In, ipv6In, present } from "./values.ts";

const IP = 14;
const ADDRESSES = `fd00${"00".repeat(13)}01 fd00${"00".repeat(13)}02`;

/** A packet whose next header is `type`, and what follows the fixed header. */
function packet(type: string, rest: string): Uint8Array {
  const length = fromHex(rest).length.toString(16).padStart(4, "0");
  return fromHex(`60000000 ${length} ${type} 40 ${ADDRESSES} ${rest}`);
}

test("a datagram of Linux, and its header back", () => {
  const frame = captured("udp6");
  const parsed = ipv6In("udp6");
  expect(parsed).toMatchObject({
    source: address("fd00::100"),
    destination: address("fd00::2"),
    protocol: 17,
    hopLimit: 64,
    trafficClass: 0,
    flowLabel: 0xc838f,
    fragment: undefined,
  });
  expect(parsed.payload.length).toBe(11);
  const into = new Uint8Array(42).fill(0xee);
  expect(emitIpv6(parsed, 11, into, 1)).toBe(40);
  expect(into.toHex()).toBe(`ee${frame.subarray(IP, IP + 40).toHex()}ee`);
});

test.each([
  ["udp6Fragment1", { identification: 0x2a4e5421, offset: 0, moreFragments: true }, 1448],
  ["udp6Fragment2", { identification: 0x2a4e5421, offset: 1448, moreFragments: false }, 560],
] as const)("%s of Linux, and its headers back", (name, fragment, length) => {
  const parsed = ipv6In(name);
  expect(parsed).toMatchObject({ protocol: 17, fragment });
  expect(parsed.payload.length).toBe(length);
  const into = new Uint8Array(48);
  expect(ipHeaderLength(parsed)).toBe(48);
  expect(emitIp(parsed, length, into, 0)).toBe(48);
  expect(into.toHex()).toBe(
    captured(name)
      .subarray(IP, IP + 48)
      .toHex(),
  );
});

test("a multicast report of Linux: behind hop-by-hop options", () => {
  const parsed = ipv6In("multicastReport");
  expect(parsed).toMatchObject({ protocol: 58, hopLimit: 1, destination: address("ff02::16") });
  expect(parsed.payload[0]).toBe(143);
});

test.each([
  ["no extension", "11", "aabb", 17, "aabb"],
  ["an unknown header is the upper layer", "32", "aabb", 50, "aabb"],
  ["no next header", "3b", "", 59, ""],
  [
    "hop-by-hop, then destination options of 16 bytes",
    "00",
    `3c00${"00".repeat(6)} 1101${"00".repeat(14)} aa`,
    17,
    "aa",
  ],
  ["a route that has ended", "2b", `1100 02 00 ${"00".repeat(4)} aa`, 17, "aa"],
  ["an atomic fragment, then destination options", "2c", `3c00 0000 00000007 1100${"00".repeat(6)} aa`, 17, "aa"],
])("%s", (_, type, rest, protocol, payload) => {
  const parsed = present(parseIpv6(packet(type, rest)));
  expect(parsed).toMatchObject({ protocol, fragment: undefined });
  expect(parsed.payload.toHex()).toBe(payload);
});

test("a fragment's payload is all behind its header, be it extension headers", () => {
  const parsed = present(parseIpv6(packet("2c", "3c00 0001 00000007 1100 0000 0000 0000")));
  expect(parsed).toMatchObject({ protocol: 60, fragment: { identification: 7, offset: 0, moreFragments: true } });
  expect(parsed.payload.length).toBe(8);
});

test.each([
  ["no bytes", new Uint8Array(0)],
  ["39 bytes", packet("11", "").subarray(0, 39)],
  ["version 4", packet("11", "").with(0, 0x45)],
  ["a payload cut short", packet("11", "aabb").subarray(0, 41)],
  ["an extension header that's not there", packet("00", "")],
  ["an extension header cut short", packet("3c", "1101000000000000")],
  ["a fragment header cut short", packet("2c", "11000001000000")],
  ["hop-by-hop that's not the first", packet("3c", `0000${"00".repeat(6)} 1100${"00".repeat(6)}`)],
  ["a route that goes on", packet("2b", `1100 00 01 ${"00".repeat(4)} aa`)],
  ["nine extension headers", packet("3c", `${`3c00${"00".repeat(6)}`.repeat(8)} 1100${"00".repeat(6)}`)],
])("%s: refused", (_, bytes) => {
  expect(parseIpv6(bytes)).toBeUndefined();
});

test("eight extension headers are read", () => {
  const bytes = packet("3c", `${`3c00${"00".repeat(6)}`.repeat(7)} 1100${"00".repeat(6)}`);
  expect(parseIpv6(bytes)?.protocol).toBe(17);
  expect(walkExtensionHeaders(17, bytes)?.payload).toEqual(bytes);
});

test("padding is left out, and a quoted packet may be cut short", () => {
  const bytes = packet("11", "aabbccdd");
  const padded = new Uint8Array(60);
  padded.set(bytes);
  expect(parseIpv6(padded)?.payload.toHex()).toBe("aabbccdd");
  expect(parseQuotedIpv6(bytes.subarray(0, 42))?.payload.toHex()).toBe("aabb");
  expect(parseQuotedIpv6(padded)?.payload.toHex()).toBe("aabbccdd");
  expect(parseQuotedIpv6(bytes.subarray(0, 39))).toBeUndefined();
});

test("either family, by its version field", () => {
  const frame = (name: "udp" | "udp6"): Uint8Array => captured(name).subarray(IP);
  expect(parseIp(frame("udp"))).toEqual(ipv4In("udp"));
  expect(parseIp(frame("udp6"))).toEqual(ipv6In("udp6"));
  expect(parseQuotedIp(frame("udp").subarray(0, 30))?.payload.length).toBe(10);
  expect(parseQuotedIp(frame("udp6").subarray(0, 50))?.payload.length).toBe(10);
  expect(parseIp(new Uint8Array(60))).toBeUndefined();
  expect(ipHeaderLength(ipv4In("udp"))).toBe(20);
  expect(ipHeaderLength(ipv6In("udp6"))).toBe(40);
});

test("5000 random headers are the same after the wire", () => {
  const { below } = random(0x8200);
  for (let round = 0; round < 5000; round++) {
    const piece = { identification: below(2 ** 31), offset: 8 * (1 + below(0x1fff)), moreFragments: below(2) === 0 };
    const header: Ipv6Header = {
      source: { family: 6, bytes: new Uint8Array(16).map(() => below(256)) },
      destination: { family: 6, bytes: new Uint8Array(16).map(() => below(256)) },
      protocol: 64 + below(128),
      hopLimit: below(256),
      trafficClass: below(256),
      flowLabel: below(2 ** 20),
      fragment: below(2) === 0 ? piece : undefined,
    };
    const bytes = new Uint8Array(ipHeaderLength(header) + below(50));
    emitIp(header, bytes.length - ipHeaderLength(header), bytes, 0);
    const { payload, ...parsed } = present(parseIpv6(bytes));
    expect(parsed).toEqual(header as typeof parsed);
    expect(payload.length).toBe(bytes.length - ipHeaderLength(header));
  }
});
