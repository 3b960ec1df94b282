import { expect, test } from "bun:test";
import { rangesIn } from "../../../src/host/mapped_ranges.ts";
import { mutate, random } from "./random.ts";

const MAP = "      1001       1001          1\n    100000     100000      65536\n";

test("all but the caller's own id may be mapped further", () => {
  expect(rangesIn(MAP, 1001)).toEqual([{ start: 100_000, count: 65_536 }]);
  expect(rangesIn("1001 1001 1\n", 1001)).toEqual([]);
  expect(rangesIn("", 0)).toEqual([]);
});

test("any text gives ranges of numbers", () => {
  const next = random(0x1d5);
  for (let round = 0; round < 2000; round++)
    for (const { start, count } of rangesIn(mutate(MAP, next), 1001))
      expect(Number.isInteger(start) && Number.isInteger(count)).toBe(true);
});
