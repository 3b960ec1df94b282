import { expect, test } from "bun:test";
import { acknowledgementIn, firstFailure } from "../../../src/netlink/acknowledgement.ts";
import { batch, messagesIn } from "../../../src/netlink/batch.ts";
import { linkIndex, setLink } from "../../../src/netlink/link.ts";
import { attributesIn } from "../../../src/netlink/message.ts";
import { type Random, random } from "../host/random.ts";

const RUNS = 20_000;
const requests = batch([setLink(1, { up: true, mtu: 1500, name: "tap0" }), setLink(2, { up: false })], "each");

test(`replies of any bytes are read to their end and no further (${RUNS} inputs)`, () => {
  const next = random(1);
  for (let run = 0; run < RUNS; run++) {
    const bytes = mutated(next);
    for (const message of messagesIn(bytes)) {
      expect(message.body.length).toBeLessThanOrEqual(bytes.length);
      acknowledgementIn(message);
      linkIndex(message.body);
      for (const { at, length } of attributesIn(message.body, 0, message.body.length))
        expect(at + length).toBeLessThanOrEqual(message.body.length);
    }
    firstFailure(requests, bytes);
  }
});

// Half of them random; half what could be an answer with words, with some bytes changed and its end cut off.
function mutated(next: Random): Uint8Array {
  const noise = Uint8Array.from({ length: next(100) }, () => next(256));
  if (next(2) === 0) return noise;
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 64, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 0x300, true);
  view.setUint32(8, 1, true);
  view.setInt32(16, -19, true);
  view.setUint32(20, 32, true);
  view.setUint16(36, 20, true);
  view.setUint16(38, 1, true);
  for (let i = next(4); i > 0; i--) bytes[next(64)] = next(256);
  return bytes.subarray(0, 64 - next(3) * next(32));
}
