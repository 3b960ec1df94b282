import { describe, expect, test } from "bun:test";
import { BusyPoll } from "../../../../src/net/flow/busy_poll.ts";

describe("looking for events before sleeping", () => {
  test("does not begin before an event has followed another closely", () => {
    const poll = new BusyPoll();
    expect(poll.window).toBe(0);
    poll.waited(5);
    expect(poll.window).toBe(0);
    poll.waited(0.05);
    expect(poll.window).toBeGreaterThanOrEqual(0.05);
  });

  test("goes on while events come within the window", () => {
    const poll = new BusyPoll();
    for (let i = 0; i < 10; i++) poll.waited(0.03);
    expect(poll.window).toBe(0.06);
  });

  test("ends within a few long waits", () => {
    const poll = new BusyPoll();
    poll.waited(0.01);
    const windows = [1, 2, 3, 4].map(() => {
      poll.waited(3);
      return poll.window;
    });
    expect(windows).toEqual([0.03, 0.015, 0.0075, 0]);
  });
});
