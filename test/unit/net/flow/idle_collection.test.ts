import { expect, test } from "bun:test";
import { IdleCollection } from "../../../../src/net/flow/idle_collection.ts";
import { Timers } from "../../../../src/net/flow/timers.ts";

test("collects when a thousand flows have come or gone and then none for a second, and once", () => {
  let collected = 0;
  const timers = new Timers();
  const collection = new IdleCollection(() => collected++);
  const note = (flows: number, now: number): void => {
    if (collection.note(flows, now)) timers.update(collection);
    timers.expire(now);
  };
  note(600, 0);
  note(600, 5000);
  expect(collected).toBe(0);
  note(100, 5000);
  // They go on coming and going: nobody is kept waiting.
  for (let now = 5000; now < 20_000; now += 500) note((now / 500) % 2, now);
  expect(collected).toBe(0);
  note(1, 20_400);
  note(1, 20_600);
  note(1, 60_000);
  expect(collected).toBe(1);
});
