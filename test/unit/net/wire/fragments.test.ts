import { expect, test } from "bun:test";
import { cutFragments, FragmentReassembler } from "../../../../src/net/wire/fragments.ts";
import type { Fragment, IpPacket } from "../../../../src/net/wire/ip_packet.ts";
import { parseUdp } from "../../../../src/net/wire/udp.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";
import { fromHex } from "./captured.ts";
import { address, ipv4In, ipv6In, present, pseudoOf } from "./values.ts";

const LIMITS = { datagrams: 4, bytes: 200_000, timeout: 30_000 };
const SOURCE = { 4: address("10.0.2.100"), 6: address("fd00::100") };
const DESTINATION = { 4: address("10.0.2.2"), 6: address("fd00::2") };

type Shape = Partial<Fragment> & { readonly family?: 4 | 6; readonly protocol?: number };

/** A piece of datagram 1 that is the last one, unless told otherwise. */
function piece(offset: number, payload: Uint8Array, shape: Shape = {}): IpPacket {
  const { family = 4, protocol = 17, identification = 1, moreFragments = false } = shape;
  const fragment = { identification, offset, moreFragments };
  return { source: SOURCE[family], destination: DESTINATION[family], protocol, hopLimit: 64, fragment, payload };
}

const A = new Uint8Array(16).fill(0xaa);
const B = new Uint8Array(16).fill(0xbb);
const MORE = { moreFragments: true };

test.each([
  ["udpFragment1", "udpFragment2", ipv4In],
  ["udp6Fragment1", "udp6Fragment2", ipv6In],
] as const)("%s and the next of Linux are a datagram of 2000 bytes, in either order", (first, second, read) => {
  for (const order of [[first, second] as const, [second, first] as const]) {
    const reassembler = new FragmentReassembler(LIMITS);
    expect(reassembler.push(read(order[0]), 0)).toBeUndefined();
    const whole = present(reassembler.push(read(order[1]), 1));
    expect(whole.fragment).toBeUndefined();
    expect(present(parseUdp(whole.payload)).payload.length).toBe(2000);
    expect(whole).toMatchObject({ ...pseudoOf(read(first)), protocol: 17, hopLimit: 64 });
    expect([reassembler.held, reassembler.datagrams]).toEqual([0, 0]);
  }
});

test("a packet that is no fragment passes as it is", () => {
  const packet = ipv4In("udp");
  expect(new FragmentReassembler(LIMITS).push(packet, 0)).toBe(packet);
});

test("pieces outlive the frame they came in", () => {
  const reassembler = new FragmentReassembler(LIMITS);
  const frame = A.slice();
  reassembler.push(piece(0, frame, MORE), 0);
  frame.fill(0);
  expect(reassembler.push(piece(16, B), 0)?.payload.toHex()).toBe("aa".repeat(16) + "bb".repeat(16));
});

test("500 datagrams, cut at random MTUs and sent in random order with copies, come whole", () => {
  const { below } = random(0x815);
  for (let round = 0; round < 500; round++) {
    const family = below(2) === 0 ? 4 : 6;
    const payload = new Uint8Array(1 + below(60_000)).map((_, at) => at * 7 + round);
    const cuts = cutFragments(family, payload.length, 576 + below(2000), round);
    const pieces = cuts.flatMap(({ fragment, length }) => {
      const packet = piece(fragment.offset, payload.subarray(fragment.offset, fragment.offset + length), {
        family,
        ...fragment,
      });
      return below(8) === 0 ? [packet, packet] : [packet];
    });
    const last = pieces.at(-1);
    const shuffled = pieces.slice(0, -1).sort(() => below(3) - 1);
    const reassembler = new FragmentReassembler(LIMITS);
    const early = [...shuffled].map((packet) => reassembler.push(packet, 0));
    const whole = early.find((packet) => packet !== undefined) ?? reassembler.push(present(last), 0);
    expect(whole?.payload.toHex()).toBe(payload.toHex());
  }
});

test.each<readonly [string, readonly (readonly [number, Uint8Array, Shape])[]]>([
  [
    "overlaps the one before",
    [
      [0, A, MORE],
      [8, B, MORE],
      [24, A, {}],
    ],
  ],
  [
    "overlaps the one after",
    [
      [8, B, MORE],
      [0, A, MORE],
      [24, A, {}],
    ],
  ],
  [
    "is within another",
    [
      [0, new Uint8Array(32), MORE],
      [8, A, MORE],
      [32, A, {}],
    ],
  ],
  [
    "is a copy with other bytes",
    [
      [0, A, MORE],
      [0, B, MORE],
      [16, A, {}],
    ],
  ],
  [
    "ends it elsewhere",
    [
      [32, A, {}],
      [16, B, {}],
      [0, A, MORE],
    ],
  ],
  [
    "lies beyond the end",
    [
      [16, A, {}],
      [32, B, MORE],
      [0, A, MORE],
    ],
  ],
  [
    "ends it before others",
    [
      [32, A, MORE],
      [16, B, {}],
      [0, A, MORE],
    ],
  ],
])("a piece that %s: all of the datagram is dropped, with what follows", (_, pieces) => {
  const reassembler = new FragmentReassembler(LIMITS);
  for (const [offset, bytes, shape] of pieces) expect(reassembler.push(piece(offset, bytes, shape), 0)).toBeUndefined();
  expect(reassembler.held).toBe(0);
  expect(reassembler.push(piece(0, A, MORE), 1)).toBeUndefined();
  expect(reassembler.push(piece(16, B), 1)).toBeUndefined();
  expect(reassembler.expire(LIMITS.timeout)).toEqual([]);
  expect(reassembler.push(piece(0, A, MORE), LIMITS.timeout)).toBeUndefined();
  expect(reassembler.push(piece(16, B), LIMITS.timeout)).toBeDefined();
});

test.each([
  ["no payload", piece(8, new Uint8Array(0))],
  ["a length that's no multiple of 8, but not the last", piece(0, new Uint8Array(7), MORE)],
  ["an end beyond 65535", piece(65528, new Uint8Array(8))],
])("a piece with %s starts nothing", (_, packet) => {
  const reassembler = new FragmentReassembler(LIMITS);
  expect(reassembler.push(packet, 0)).toBeUndefined();
  expect(reassembler.datagrams).toBe(0);
});

test("pieces of other datagrams do not mix; in IPv6 the first piece's protocol is the datagram's", () => {
  const reassembler = new FragmentReassembler(LIMITS);
  reassembler.push(piece(0, A, MORE), 0);
  expect(reassembler.push(piece(16, B, { identification: 2 }), 0)).toBeUndefined();
  expect(reassembler.push(piece(16, B, { protocol: 1 }), 0)).toBeUndefined();
  expect(reassembler.push({ ...piece(16, B), source: address("10.0.2.101") }, 0)).toBeUndefined();
  expect(reassembler.push(piece(16, B), 0)).toBeDefined();
  reassembler.push(piece(16, B, { family: 6, protocol: 99 }), 0);
  expect(reassembler.push(piece(0, A, { family: 6, ...MORE }), 0)?.protocol).toBe(17);
});

test("extension headers behind the fragment header are passed once it's whole; a fragment of a fragment isn't", () => {
  const reassembler = new FragmentReassembler(LIMITS);
  const options = fromHex("1100 000000000000 aaaaaaaaaaaaaaaa");
  reassembler.push(piece(0, options, { family: 6, protocol: 60, ...MORE }), 0);
  const whole = present(reassembler.push(piece(16, B, { family: 6, protocol: 60 }), 0));
  expect(whole.protocol).toBe(17);
  expect(whole.payload.toHex()).toBe("aa".repeat(8) + "bb".repeat(16));
  const nested = fromHex("1100 0001 00000009 aaaaaaaaaaaaaaaa");
  reassembler.push(piece(0, nested, { family: 6, protocol: 44, ...MORE }), 0);
  expect(reassembler.push(piece(16, B, { family: 6, protocol: 44 }), 0)).toBeUndefined();
});

test("time: the start of what is late is told, once, and the rest of it starts anew", () => {
  const reassembler = new FragmentReassembler(LIMITS);
  expect(reassembler.nextExpiry).toBeUndefined();
  reassembler.push(piece(0, A, MORE), 100);
  reassembler.push(piece(16, A, { identification: 2 }), 200);
  expect(reassembler.nextExpiry).toBe(30_100);
  expect(reassembler.expire(30_099)).toEqual([]);
  const [late, more] = reassembler.expire(30_200);
  expect(more).toBeUndefined();
  expect(present(late)).toMatchObject({ protocol: 17, payload: A, fragment: undefined });
  expect([reassembler.datagrams, reassembler.held]).toEqual([0, 0]);
  expect(reassembler.push(piece(16, B), 30_300)).toBeUndefined();
});

test("number and bytes are bounded, the oldest goes first", () => {
  const few = new FragmentReassembler(LIMITS);
  for (let identification = 1; identification <= 10; identification++) {
    few.push(piece(0, A, { identification, ...MORE }), identification);
    expect(few.datagrams).toBeLessThanOrEqual(LIMITS.datagrams);
  }
  expect(few.push(piece(16, B, { identification: 6 }), 20)).toBeUndefined();
  expect(few.push(piece(16, B, { identification: 10 }), 20)).toBeDefined();
  const small = new FragmentReassembler(LIMITS);
  for (let at = 0; at < 4000; at++) {
    small.push(piece(16 * (at % 1000), A, { identification: at >> 10, ...MORE }), at);
    expect(small.held).toBeLessThanOrEqual(LIMITS.bytes);
  }
});

test("cuts are multiples of 8 that fit the MTU, and cover the payload", () => {
  const cut = (family: 4 | 6, length: number, mtu: number): readonly (readonly [number, number, boolean])[] =>
    cutFragments(family, length, mtu, 7).map(({ fragment, length }) => [
      fragment.offset,
      length,
      fragment.moreFragments,
    ]);
  // As Linux cut the datagrams of captured.ts.
  expect(cut(4, 2008, 1500)).toEqual([
    [0, 1480, true],
    [1480, 528, false],
  ]);
  expect(cut(6, 2008, 1500)).toEqual([
    [0, 1448, true],
    [1448, 560, false],
  ]);
  expect(cut(4, 1480, 1500)).toEqual([[0, 1480, false]]);
  expect(cut(4, 20, 0)).toEqual([
    [0, 8, true],
    [8, 8, true],
    [16, 4, false],
  ]);
});
