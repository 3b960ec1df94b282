import { expect, test } from "bun:test";
import { complement, isIntact, pseudoHeaderSum, sum, sumSlices } from "../../../../src/net/wire/checksum.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";
import { captured, fromHex } from "./captured.ts";
import { address } from "./values.ts";

/** RFC 1071 section 4.1, with no word wider than it says. */
function plainSum(bytes: Uint8Array, initial = 0): number {
  let total = initial;
  for (let at = 0; at < bytes.length; at++) {
    total += at % 2 === 0 ? (bytes[at] ?? 0) * 256 : (bytes[at] ?? 0);
    if (total > 0xffff) total -= 0xffff;
  }
  return total;
}

test("the example of RFC 1071 section 3", () => {
  expect(sum(fromHex("0001f203f4f5f6f7"))).toBe(0xddf2);
  expect(complement(0xddf2)).toBe(0x220d);
});

test("nothing sums to nothing, all ones to all ones", () => {
  expect(sum(new Uint8Array(0))).toBe(0);
  expect(sum(new Uint8Array(65536).fill(0xff))).toBe(0xffff);
  expect(sum(new Uint8Array(300_001).fill(0xff), 0xffff)).toBe(plainSum(new Uint8Array(300_001).fill(0xff), 0xffff));
});

test("every length and alignment gives the sum of plain words, 6000 pieces", () => {
  const { below } = random(0x1071);
  const memory = new Uint8Array(70_000).map(() => below(256));
  for (let round = 0; round < 6000; round++) {
    const start = below(16);
    const bytes = memory.subarray(start, start + (round % 20 === 0 ? below(66_000) : below(200)));
    const initial = below(0x10000);
    expect(sum(bytes, initial)).toBe(plainSum(bytes, initial));
  }
});

test("pieces of any lengths sum as the whole, 2000 cuts", () => {
  const { below } = random(0xc07);
  const whole = new Uint8Array(3000).map(() => below(256));
  for (let round = 0; round < 2000; round++) {
    const cuts = [0, ...Array.from({ length: below(5) }, () => below(whole.length)), whole.length].sort(
      (a, b) => a - b,
    );
    const slices = cuts.slice(1).map((end, at) => whole.subarray(cuts[at], end));
    expect(sumSlices(slices, 0x1234)).toBe(plainSum(whole, 0x1234));
  }
});

test("one flipped bit is seen", () => {
  const header = captured("tcpSyn").slice(14, 34);
  expect(isIntact(header)).toBe(true);
  for (let bit = 0; bit < 8 * header.length; bit++) {
    const damaged = header.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(isIntact(damaged)).toBe(false);
  }
});

// Linux left just this in the checksum field of the frames that it offloads: see captured.ts.
test("the pseudo-header's sum is the partial checksum that the kernel writes", () => {
  const pseudo = { source: address("10.0.2.100"), destination: address("10.0.2.2") };
  expect(pseudoHeaderSum(pseudo, 6, 40)).toBe(0x1894);
  expect(pseudoHeaderSum(pseudo, 6, 37)).toBe(0x1891);
  const pseudo6 = { source: address("fd00::100"), destination: address("fd00::2") };
  expect(pseudoHeaderSum(pseudo6, 6, 40)).toBe(0xfb31);
  expect(pseudoHeaderSum(pseudo6, 6, 0x10028)).toBe(0xfb32);
});
