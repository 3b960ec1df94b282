import { describe, expect, test } from "bun:test";
import { MemoryKeeper } from "../../../src/supervisor/memory_keeper.ts";

/** What is done at each of these times. */
function done(times: readonly number[]): readonly string[] {
  const said: string[] = [];
  const keeper = new MemoryKeeper({ tidy: () => said.push("tidy"), rest: () => said.push("rest") }, 0);
  return times.map((now) => {
    keeper.turned(now);
    return said.splice(0).join();
  });
}

describe("a supervisor's memory", () => {
  test("is tidied once a period while there is work", () => {
    expect(done([10, 99, 100, 110, 209, 210, 300, 400])).toEqual(["", "", "tidy", "", "", "tidy", "", "tidy"]);
  });

  test("is given back once, when there has been no work for a second", () => {
    expect(done([10, 100, 1100])).toEqual(["", "tidy", "rest"]);
  });

  test("is looked after again when work comes back", () => {
    expect(done([100, 1100, 90_000, 90_050, 90_100, 91_100])).toEqual(["tidy", "rest", "", "", "tidy", "rest"]);
  });

  test("wakes nobody while it rests", () => {
    const keeper = new MemoryKeeper({ tidy: () => {}, rest: () => {} }, 0);
    expect(keeper.timeout(40)).toBe(60);
    for (const now of [100, 1100]) keeper.turned(now);
    expect(keeper.timeout(1101)).toBe(Number.POSITIVE_INFINITY);
    keeper.turned(5000);
    expect(keeper.timeout(5000)).toBe(100);
  });
});
