import { expect, test } from "bun:test";
import type { CaughtSignal } from "../../../ffi/signal_pipe.ts";
import { Deadline } from "../../../src/supervisor/deadline.ts";

const ALARM: CaughtSignal = { signal: 14, fromKernel: true };
const SENT: CaughtSignal = { signal: 14, fromKernel: false };
const of = (...caught: readonly CaughtSignal[]) => ({ fd: 5, drain: () => caught });

test("the timer's first signal is SIGTERM, further ones are SIGKILL; the status is timeout(1)'s", () => {
  const deadline = new Deadline(true);
  const signals = deadline.watch(of(ALARM, ALARM));
  expect([signals.fd, deadline.exitCode(7)]).toEqual([5, 7]);
  expect(signals.drain().map(({ signal }) => signal)).toEqual([15, 9]);
  expect(deadline.exitCode(137)).toBe(124);
});

test("a signal that somebody has sent is passed on, and so is any without a deadline", () => {
  expect(new Deadline(true).watch(of(SENT)).drain()).toEqual([SENT]);
  expect(new Deadline(false).watch(of(ALARM)).drain()).toEqual([ALARM]);
});

test("goes on where another program of the process has left it", () => {
  const first = new Deadline(true);
  first.watch(of(ALARM)).drain();
  const second = Deadline.ofFlags(first.flags);
  expect(second.exitCode(0)).toBe(124);
  expect(second.watch(of(ALARM)).drain()).toEqual([{ signal: 9, fromKernel: false }]);
  expect(Deadline.ofFlags(1).flags).toBe(0);
});
