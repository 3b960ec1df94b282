import { expect, test } from "bun:test";
import { isIntact } from "../../../../src/net/wire/checksum.ts";
import { emitIpv4, type Ipv4Header, parseIpv4, parseQuotedIpv4 } from "../../../../src/net/wire/ipv4.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";
import { captured, fromHex } from "./captured.ts";
import { address, ipv4In, present } from "./values.ts";

const IP = 14;

test("a SYN of Linux, and its header back", () => {
  const frame = captured("tcpSyn");
  const packet = ipv4In("tcpSyn");
  expect(packet).toMatchObject({
    source: address("10.0.2.100"),
    destination: address("10.0.2.2"),
    protocol: 6,
    hopLimit: 64,
    trafficClass: 0,
    identification: 0xd587,
    dontFragment: true,
    fragment: undefined,
  });
  expect(packet.payload.length).toBe(40);
  const into = new Uint8Array(22).fill(0xee);
  expect(emitIpv4(packet, 40, into, 1)).toBe(20);
  expect(into.toHex()).toBe(`ee${frame.subarray(IP, IP + 20).toHex()}ee`);
});

test("an ICMP error's traffic class", () => {
  expect(ipv4In("icmpPortUnreachable")).toMatchObject({ trafficClass: 0xc0, protocol: 1, dontFragment: false });
});

test.each([
  ["udpFragment1", { identification: 0x8596, offset: 0, moreFragments: true }, 1480],
  ["udpFragment2", { identification: 0x8596, offset: 1480, moreFragments: false }, 528],
] as const)("%s of Linux, and its header back", (name, fragment, length) => {
  const packet = ipv4In(name);
  expect(packet.fragment).toEqual(fragment);
  expect(packet.payload.length).toBe(length);
  const into = new Uint8Array(20);
  emitIpv4(packet, length, into, 0);
  expect(into.toHex()).toBe(
    captured(name)
      .subarray(IP, IP + 20)
      .toHex(),
  );
});

/** As Python's struct and sum would have it: 24 bytes of header, 4 of them options (router alert), 3 of payload, 2 of padding. */
const WITH_OPTIONS = "4600001b 12340000 0102262f 0a000264 e0000016 94040000 aabbcc 0000";

test("options are skipped, and padding is left out", () => {
  const packet = present(parseIpv4(fromHex(WITH_OPTIONS)));
  expect(packet.payload.toHex()).toBe("aabbcc");
  expect(packet.protocol).toBe(2);
});

test.each([
  ["no bytes", ""],
  ["19 bytes", "45000013 00000000 40060000 0a000264 0a0002"],
  ["version 6", "65000014 00000000 40060000 0a000264 0a000202"],
  ["a header below 20 bytes", "44000014 00000000 40060000 0a000264 0a000202"],
  ["a header longer than the frame", "4f000014 00000000 40060000 0a000264 0a000202"],
  ["a total length below the header's", "45000013 00000000 40066280 0a000264 0a000202"],
  ["a total length beyond the frame", "45000015 00000000 4006627e 0a000264 0a000202"],
  ["a wrong checksum", "45000014 00000000 40066281 0a000264 0a000202"],
])("%s: refused", (_, hex) => {
  expect(parseIpv4(fromHex(hex))).toBeUndefined();
});

test("those with a wrong length have the right checksum, so that it's the length that's refused", () => {
  expect(parseIpv4(fromHex("45000014 00000000 4006627f 0a000264 0a000202"))?.payload.length).toBe(0);
  expect(isIntact(fromHex("45000013 00000000 40066280 0a000264 0a000202"))).toBe(true);
  expect(isIntact(fromHex("45000015 00000000 4006627e 0a000264 0a000202"))).toBe(true);
});

test("a quoted packet may be cut short, with a header that no longer sums up", () => {
  const cut = captured("tcpData").subarray(IP, IP + 28);
  cut[8] = 1;
  expect(parseIpv4(cut)).toBeUndefined();
  const quoted = present(parseQuotedIpv4(cut));
  expect(quoted).toMatchObject({ source: address("10.0.2.100"), protocol: 6, hopLimit: 1 });
  expect(quoted.payload.toHex()).toBe("af920050ddcdfce6");
  expect(parseQuotedIpv4(cut.subarray(0, 19))).toBeUndefined();
});

test("5000 random headers are the same after the wire", () => {
  const { below } = random(0x0791);
  for (let round = 0; round < 5000; round++) {
    const piece = { identification: below(0x10000), offset: 8 * (1 + below(0x1fff)), moreFragments: below(2) === 0 };
    const header: Ipv4Header = {
      source: { family: 4, bytes: new Uint8Array(4).map(() => below(256)) },
      destination: { family: 4, bytes: new Uint8Array(4).map(() => below(256)) },
      protocol: below(256),
      hopLimit: below(256),
      trafficClass: below(256),
      identification: piece.identification,
      dontFragment: below(2) === 0,
      fragment: below(2) === 0 ? piece : undefined,
    };
    const bytes = new Uint8Array(20 + below(50));
    emitIpv4(header, bytes.length - 20, bytes, 0);
    const { payload, ...parsed } = present(parseIpv4(bytes));
    expect(parsed).toEqual(header as typeof parsed);
    expect(payload.length).toBe(bytes.length - 20);
  }
});
