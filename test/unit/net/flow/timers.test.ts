import { describe, expect, test } from "bun:test";
import { Timers } from "../../../../src/net/flow/timers.ts";

class Alarm {
  readonly expired: number[] = [];
  deadline: number | undefined;
  readonly #next: (now: number) => number | undefined;
  constructor(deadline: number | undefined, next: (now: number) => number | undefined = () => undefined) {
    this.deadline = deadline;
    this.#next = next;
  }
  expire(now: number): void {
    this.expired.push(now);
    this.deadline = this.#next(now);
  }
}

describe("timers", () => {
  test("expire in the order of their deadlines, whatever the order of their coming", () => {
    const deadlines = Array.from({ length: 500 }, (_, i) => (i * 7919) % 1000);
    const items = deadlines.map((at) => new Alarm(at));
    const sorted = new Timers();
    for (const item of items) sorted.update(item);
    const seen: number[] = [];
    while (sorted.next !== undefined) {
      seen.push(sorted.next);
      sorted.expire(sorted.next);
    }
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    expect(items.every(({ expired }) => expired.length === 1)).toBe(true);
  });

  test("a deadline that has moved to later is looked at, and waited for again", () => {
    const timers = new Timers();
    const alarm = new Alarm(10);
    timers.update(alarm);
    alarm.deadline = 25;
    timers.update(alarm);
    timers.expire(10);
    expect(alarm.expired).toEqual([]);
    expect(timers.next).toBe(25);
    timers.expire(25);
    expect(alarm.expired).toEqual([25]);
    expect(timers.next).toBeUndefined();
  });

  test("one that has become earlier expires once, and not again at its old time", () => {
    const timers = new Timers();
    const alarm = new Alarm(30);
    timers.update(alarm);
    alarm.deadline = 5;
    timers.update(alarm);
    timers.expire(6);
    timers.expire(40);
    expect(alarm.expired).toEqual([6]);
  });

  test("what repeats comes again, and what is removed does not come", () => {
    const timers = new Timers();
    const repeating = new Alarm(10, (now) => now + 10);
    const removed = new Alarm(10);
    const expire = repeating.expire.bind(repeating);
    repeating.expire = (now) => {
      expire(now);
      timers.update(repeating);
    };
    timers.update(repeating);
    timers.update(removed);
    timers.remove(removed);
    for (const now of [10, 20, 30]) timers.expire(now);
    expect(repeating.expired).toEqual([10, 20, 30]);
    expect(removed.expired).toEqual([]);
    expect(timers.next).toBe(40);
  });

  test("one that is still due after it has expired does not come again by itself", () => {
    const timers = new Timers();
    const alarm = new Alarm(10, () => 10);
    timers.update(alarm);
    timers.expire(20);
    expect(alarm.expired).toEqual([20]);
    expect(timers.next).toBeUndefined();
  });

  test("nobody is woken for those that were removed", () => {
    const timers = new Timers();
    const alarms = Array.from({ length: 100 }, (_, i) => new Alarm(10 + i));
    for (const alarm of alarms) timers.update(alarm);
    for (const alarm of alarms.slice(0, 99)) timers.remove(alarm);
    expect(timers.next).toBe(109);
    for (const alarm of alarms) timers.remove(alarm);
    expect(timers.next).toBeUndefined();
  });

  test("what has been forgotten is not held until its time", () => {
    const timers = new Timers();
    const staying = new Alarm(5000);
    timers.update(staying);
    for (let i = 0; i < 10_000; i++) {
      const alarm = new Alarm(7_200_000 + i);
      timers.update(alarm);
      timers.remove(alarm);
    }
    expect(timers.held).toBeLessThan(100);
    timers.expire(5000);
    expect([staying.expired, timers.next]).toEqual([[5000], undefined]);
  });

  test("one whose deadline comes and goes is held a few times at most", () => {
    const timers = new Timers();
    const alarm = new Alarm(undefined);
    for (let now = 0; now < 100_000; now += 10) {
      alarm.deadline = now + 7_200_000;
      timers.update(alarm);
      alarm.deadline = now + 5;
      timers.update(alarm);
      timers.expire(now + 5);
    }
    expect(timers.held).toBeLessThan(100);
    expect(alarm.expired).toHaveLength(10_000);
  });
});
