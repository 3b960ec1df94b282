import { expect, test } from "bun:test";
import { BlockPool } from "../../../../src/net/tcp/block_pool.ts";

test("blocks can be had beyond what is ample, up to the limit, and nothing is spare by then", () => {
  const pool = new BlockPool({ blockSize: 16, limit: 4, ample: 2 });
  const spare: number[] = [];
  for (let block = pool.take(); block !== undefined; block = pool.take()) spare.push(pool.spareBytes);
  expect(spare).toEqual([16, 0, 0, 0]);
});

test("what comes back is given out again, and the newest first", () => {
  const pool = new BlockPool({ blockSize: 16, limit: 4, cached: 2 });
  const blocks = [pool.take(), pool.take()];
  for (const block of blocks) if (block) pool.give(block);
  expect(pool.take()).toBe(blocks[1] as Uint8Array);
  expect(pool.take()).toBe(blocks[0] as Uint8Array);
});

test("what is kept can be let go, and what is out is not", () => {
  const pool = new BlockPool({ blockSize: 16, limit: 4, cached: 2 });
  const [kept, out] = [pool.take(), pool.take()];
  if (kept) pool.give(kept);
  pool.forget();
  expect(pool.blocksTaken).toBe(1);
  expect(pool.take()).not.toBe(kept as Uint8Array);
  expect(out).toBeDefined();
});
