// A command without a terminal, while this process has more to do than to wait for it. (When it has not, the waiter takes its place: hand_over.ts.)
import { edenGC } from "bun:jsc";
import { waitFor } from "../../ffi/process.ts";
import { unmapCode } from "../../ffi/unmapped_code.ts";
import type { Background } from "./background.ts";
import type { Signals } from "./deadline.ts";
import { forwardSignal } from "./forward_signal.ts";
import { MemoryKeeper } from "./memory_keeper.ts";
import { passOn } from "./pass_on.ts";

/** Milliseconds after which a sandbox is one that stays. */
const SETTLING = 500;

export type PlainSession = {
  readonly pid: number;
  readonly pidfd: number;
  readonly signals: Signals;
  readonly newSession: boolean;
  readonly background: Background;
};

/** Until the command has ended; its exit code. */
export function supervisePlain({ pid, pidfd, signals, newSession, background }: PlainSession): number {
  let ended = false;
  const watched = [
    background.watch(signals.fd, () => {
      for (const caught of signals.drain()) forwardSignal(pidfd, !newSession, caught);
    }),
    background.watch(pidfd, () => {
      ended = true;
    }),
  ];
  const settledAt = performance.now() + SETTLING;
  while (!ended && performance.now() < settledAt) background.turn(Math.min(background.timeout, SETTLING));
  if (!ended) unmapCode();
  const keeper = new MemoryKeeper({ tidy, rest: () => giveBack(background) }, performance.now());
  while (!ended) {
    background.turn(Math.min(background.timeout, keeper.timeout(performance.now())));
    keeper.turned(performance.now());
  }
  for (const stop of watched) stop();
  passOn(background, signals, () => performance.now());
  return waitFor(pid);
}

/** Young objects are what a round of the stack leaves: segments, views. The collector by itself would wait for twice what lives. */
function tidy(): void {
  edenGC();
  unmapCode();
}

function giveBack(background: Background): void {
  background.giveBack();
  Bun.gc(true);
  unmapCode();
}
