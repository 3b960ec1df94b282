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
    expect(done([10, 249, 250, 260, 509, 510, 600, 850])).toEqual(["", "", "tidy", "", "", "tidy", "", "tidy"]);
  });

  test("is given back once, when there has been no work for a second", () => {
    expect(done([10, 250, 1250])).toEqual(["", "tidy", "rest"]);
  });

  test("is looked after again when work comes back", () => {
    expect(done([250, 1250, 90_000, 90_100, 90_250, 91_250])).toEqual(["tidy", "rest", "", "", "tidy", "rest"]);
  });

  test("wakes nobody while it rests", () => {
    const keeper = new MemoryKeeper({ tidy: () => {}, rest: () => {} }, 0);
    expect(keeper.timeout(200)).toBe(50);
    for (const now of [250, 1250]) keeper.turned(now);
    expect(keeper.timeout(1251)).toBe(Number.POSITIVE_INFINITY);
    keeper.turned(5000);
    expect(keeper.timeout(5000)).toBe(250);
  });
});
