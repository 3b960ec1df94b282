import { expect, test } from "bun:test";
import { BlockPool } from "../../../../src/net/tcp/block_pool.ts";
import { ByteQueue } from "../../../../src/net/tcp/byte_queue.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";

const ROUNDS = 20_000;
const START = 2 ** 33 - 7;

/** The byte that belongs at an offset. */
const byteAt = (offset: number): number => (offset * 7) & 0xff;
const bytesFrom = (offset: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => byteAt(offset + index));

test(`after each of ${ROUNDS} random calls the queue holds what was put in, and no block more than it needs`, () => {
  const { below, pick } = random(5);
  const pool = new BlockPool({ blockSize: 16, limit: 12, cached: 2 });
  const queue = new ByteQueue(pool, START);
  let written = START;
  const calls = {
    append: () => void queue.append(bytesFrom(queue.end, below(60))),
    reserve: () => {
      const spaces = queue.reserve(below(60));
      let at = queue.end;
      for (const space of spaces) {
        space.set(bytesFrom(at, space.length));
        at += space.length;
      }
      queue.commit(below(at - queue.end + 1));
    },
    writeAhead: () => {
      const from = queue.end + below(40);
      const length = below(40);
      if (queue.writeAt(from, bytesFrom(from, length))) written = Math.max(written, from + length);
    },
    drop: () => queue.dropTo(queue.start + below(queue.length + 1)),
    skip: () => {
      if (queue.length === 0) queue.skip(below(20));
    },
    dropBeyondEnd: () => {
      queue.dropBeyondEnd();
      written = queue.end;
    },
    clear: () => {
      if (below(10) > 0) return;
      queue.clear();
      written = queue.end;
    },
  };
  for (let round = 0; round < ROUNDS; round++) {
    pick(Object.values(calls) as [() => void, ...(() => void)[]])();
    written = Math.max(written, queue.end);
    const held = Buffer.concat(queue.slices(queue.start, queue.end));
    expect(Buffer.compare(held, bytesFrom(queue.start, queue.length))).toBe(0);
    expect(pool.blocksTaken).toBeLessThanOrEqual(
      written > queue.start ? Math.ceil((written - queue.start) / 16) + 1 : 0,
    );
  }
});

test("bytes ahead are in place when the end reaches them", () => {
  const queue = new ByteQueue(new BlockPool({ blockSize: 16 }), 1);
  expect(queue.writeAt(41, bytesFrom(41, 20))).toBe(true);
  expect(queue.append(bytesFrom(1, 40))).toBe(40);
  queue.extendTo(61);
  expect(Buffer.compare(Buffer.concat(queue.slices(1, 61)), bytesFrom(1, 60))).toBe(0);
});

test("a pool gives no more blocks than it has, and the same ones again", () => {
  const pool = new BlockPool({ blockSize: 8, limit: 2, cached: 1 });
  const one = pool.take();
  const other = pool.take();
  expect(pool.take()).toBeUndefined();
  expect(pool.freeBytes).toBe(0);
  if (!one || !other) throw new Error("a pool of two gave less");
  pool.give(one);
  pool.give(other);
  expect(pool.take()).toBe(one);
  expect(pool.take()).not.toBe(other);
});

test("what a queue does not hold cannot be had", () => {
  expect(() => new ByteQueue(new BlockPool(), 1).slices(1, 2)).toThrow(RangeError);
});
