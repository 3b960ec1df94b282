// How long a supervisor goes on after its command: with a background and a clock that are the test's.
import { describe, expect, test } from "bun:test";
import type { CaughtSignal } from "../../../ffi/signal_pipe.ts";
import type { Background } from "../../../src/supervisor/background.ts";
import { passOn } from "../../../src/supervisor/pass_on.ts";

const SIGTERM = 15;
const SIGUSR1 = 10;

type Script = {
  /** What {@link Background.passing} is after each turn; the last one stays. */
  readonly passing: readonly (number | undefined)[];
  readonly busyTurns?: number;
  /** A signal that comes in the turn of that number. */
  readonly signal?: { readonly turn: number; readonly number: number };
};

/** How many turns there were, and when it was over; every turn that may wait takes 100 ms. */
function played({ passing, busyTurns = 0, signal }: Script) {
  let [turns, now, watching, disposed] = [0, 0, false, false];
  let tell = (): void => {};
  const background: Background = {
    fd: -1,
    timeout: Number.POSITIVE_INFINITY,
    get isBusy() {
      return turns <= busyTurns;
    },
    get passing() {
      return passing[Math.min(turns, passing.length) - 1];
    },
    turn(milliseconds = 0) {
      turns++;
      if (milliseconds > 0) now += 100;
      if (signal?.turn === turns) tell();
    },
    giveBack() {},
    watch(_, ready) {
      [watching, tell] = [true, ready];
      return () => {
        watching = false;
      };
    },
    [Symbol.dispose]() {
      disposed = true;
    },
  };
  const caught: CaughtSignal = { signal: signal?.number ?? 0, fromKernel: false };
  passOn(background, { fd: -1, drain: () => [caught] }, () => now);
  expect([watching, disposed]).toEqual([false, true]);
  return { turns, now };
}

describe("after the command", () => {
  test("nothing is waited for where nothing is left", () => {
    expect(played({ passing: [undefined] })).toEqual({ turns: 1, now: 0 });
  });

  test("what waits in the device is taken, without a wait", () => {
    expect(played({ passing: [undefined], busyTurns: 5 })).toEqual({ turns: 6, now: 0 });
  });

  test("it ends when all is passed on", () => {
    expect(played({ passing: [1, 2, 3, undefined] })).toEqual({ turns: 4, now: 300 });
  });

  test("it ends when nothing has moved for three seconds, and not before", () => {
    expect(played({ passing: [7] }).now).toBe(3000);
    expect(played({ passing: [...Array(20).fill(7), 8] }).now).toBe(5000);
  });

  test("a signal that ends programs ends it, another one does not", () => {
    expect(played({ passing: [7], signal: { turn: 4, number: SIGTERM } }).turns).toBe(4);
    expect(played({ passing: [7], signal: { turn: 4, number: SIGUSR1 } }).now).toBe(3000);
  });
});
