import { expect, test } from "bun:test";
import { RangeSet } from "../../../../src/net/tcp/range_set.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";

const ROUNDS = 20_000;
const SPACE = 120;
const LIMIT = 8;

/** The ranges of the bytes that are marked. */
function rangesOf(marked: readonly boolean[]): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  marked.forEach((isIn, at) => {
    const last = ranges.at(-1);
    if (isIn && last?.[1] === at) last[1]++;
    else if (isIn) ranges.push([at, at + 1]);
  });
  return ranges;
}

test(`of ${ROUNDS} random additions and removals it keeps what a map of all bytes does`, () => {
  const { below } = random(9);
  const set = new RangeSet(LIMIT);
  let marked: boolean[] = Array.from({ length: SPACE }, () => false);
  for (let round = 0; round < ROUNDS; round++) {
    const left = below(SPACE - 10);
    const right = left + 1 + below(9);
    if (below(10) === 0) {
      set.dropTo(left);
      marked = marked.map((isIn, at) => isIn && at >= left);
    } else if (set.add(left, right)) marked.fill(true, left, right);
    else expect(set.size).toBe(LIMIT);
    const ranges = rangesOf(marked);
    expect(set.ranges.map((range) => [range.left, range.right] as const)).toEqual([...ranges]);
    expect(set.bytes).toBe(marked.filter(Boolean).length);
    expect(set.covers(left, right)).toBe(marked.slice(left, right).every(Boolean));
    if (below(50) === 0) {
      set.clear();
      marked.fill(false);
    }
  }
});
