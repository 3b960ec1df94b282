// What a supervisor that stays has in memory is what it has touched lately: its loop waits inside one call, where the runtime's own
// collector and the code that only the way here needed never have their turn. While there is work, code is let go once in a while, and
// what is in use comes back by a few faults; when there has been none for a while, all that the work has left is given back.
//
//   working  turned() in time: something was done. At the end of a period: tidy, and idle
//   idle     turned() in time: working. At the end of a period: rest, and resting
//   resting  turned(): working; there are no periods

/** Milliseconds: of work, and of none. */
const [PERIOD, PAUSE] = [100, 1000];

export type Housework = {
  /** While there is work. */
  readonly tidy: () => void;
  /** Once, after it. */
  readonly rest: () => void;
};

export class MemoryKeeper {
  readonly #housework: Housework;
  #state: "working" | "idle" | "resting" = "working";
  #endsAt: number;

  /** `now`, here and below: milliseconds. */
  constructor(housework: Housework, now: number) {
    this.#housework = housework;
    this.#endsAt = now + PERIOD;
  }

  /** In how many milliseconds {@link turned} is to be called, whatever happens. */
  timeout(now: number): number {
    return this.#state === "resting" ? Number.POSITIVE_INFINITY : Math.max(0, this.#endsAt - now);
  }

  /** The loop has waited, and done what there was. */
  turned(now: number): void {
    if (now >= this.#endsAt && this.#state !== "resting") return this.#endPeriod(now);
    if (this.#state !== "working") this.#endsAt = now + PERIOD;
    this.#state = "working";
  }

  #endPeriod(now: number): void {
    const isWorking = this.#state === "working";
    if (isWorking) this.#housework.tidy();
    else this.#housework.rest();
    this.#state = isWorking ? "idle" : "resting";
    this.#endsAt = now + PAUSE;
  }
}
