import { expect, test } from "bun:test";
import { frameMessage, MessageReader } from "../../../../src/net/dns/tcp_framing.ts";
import { joined } from "../../../fixtures/net/first_bytes.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";

test("a message has its length in front", () => {
  expect(frameMessage(new Uint8Array(258).fill(7)).subarray(0, 3)).toEqual(Uint8Array.of(1, 2, 7));
  expect(frameMessage(new Uint8Array())).toEqual(Uint8Array.of(0, 0));
});

const ROUNDS = 2000;

test(`${ROUNDS} streams in pieces give the messages they were made of`, () => {
  const { below } = random(0x7c9);
  for (let round = 0; round < ROUNDS; round++) {
    const messages = Array.from({ length: 1 + below(5) }, () => new Uint8Array(below(700)).fill(below(256)));
    const stream = joined(...messages.map(frameMessage));
    const reader = new MessageReader();
    const read: Uint8Array[] = [];
    for (let at = 0, step = 0; at < stream.length; at += step) {
      step = 1 + below(600);
      read.push(...reader.push(stream.subarray(at, at + step)));
    }
    expect(read).toEqual(messages);
  }
});

test("the longest message", () => {
  const reader = new MessageReader();
  const stream = frameMessage(new Uint8Array(65535).fill(1));
  expect(reader.push(stream.subarray(0, 65536))).toEqual([]);
  expect(reader.push(stream.subarray(65536))[0]?.length).toBe(65535);
});
