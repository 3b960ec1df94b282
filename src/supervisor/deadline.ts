// --timeout: the kernel's own timer (setitimer(2)), which outlives execve(2), so the waiter has it as well (ffi/stage/waiter.c). Its first signal
// is SIGTERM to the sandbox, every further one SIGKILL.

import type { CaughtSignal, SignalPipe } from "../../ffi/signal_pipe.ts";
import { startTimer } from "../../ffi/usage.ts";

export type Signals = Pick<SignalPipe, "fd" | "drain">;

/** Milliseconds. */
export type TimeLimit = { readonly timeout: number; readonly stopTimeout: number };

/** Of timeout(1). */
export const TIMED_OUT = 124;
const SIG = { KILL: 9, ALRM: 14, TERM: 15 } as const;

/** The waiter's FLAGS. */
export const FLAG = { sharedSession: 1, timed: 2, expired: 4 } as const;

export class Deadline {
  readonly #isSet: boolean;
  #isOver: boolean;

  constructor(isSet: boolean, isOver = false) {
    this.#isSet = isSet;
    this.#isOver = isOver;
  }

  /** Begins now. */
  static of(limit: TimeLimit | undefined): Deadline {
    if (limit) startTimer(limit.timeout, limit.stopTimeout);
    return new Deadline(limit !== undefined);
  }

  static ofFlags(flags: number): Deadline {
    return new Deadline((flags & FLAG.timed) !== 0, (flags & FLAG.expired) !== 0);
  }

  get flags(): number {
    return (this.#isSet ? FLAG.timed : 0) + (this.#isOver ? FLAG.expired : 0);
  }

  exitCode(own: number): number {
    return this.#isOver ? TIMED_OUT : own;
  }

  /** `signals` with those of the timer as what they mean for the sandbox. */
  watch(signals: Signals): Signals {
    if (!this.#isSet) return signals;
    return {
      get fd() {
        return signals.fd;
      },
      drain: () => signals.drain().map((caught) => this.#meant(caught)),
    };
  }

  #meant(caught: CaughtSignal): CaughtSignal {
    if (caught.signal !== SIG.ALRM || !caught.fromKernel) return caught;
    const signal = this.#isOver ? SIG.KILL : SIG.TERM;
    this.#isOver = true;
    return { signal, fromKernel: false };
  }
}
