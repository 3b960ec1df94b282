// When to collect garbage. A runtime does so when its heap has doubled, or in idle moments that a loop of system calls never has: ten
// thousand connections would leave some 100 MB behind, until as many come again. So: once many have come or gone, and then none for a
// while, which is when nobody waits for the 10 to 30 ms it takes.
import type { Timed } from "./timers.ts";

/** Flows that have come or gone: some 5 MB. */
const MANY = 1000;
/** Milliseconds without any. */
const QUIET = 1000;

export class IdleCollection implements Timed {
  readonly #collect: () => void;
  #flows = 0;
  #changes = 0;
  #lastChange = 0;

  constructor(collect: () => void) {
    this.#collect = collect;
  }

  /** How many flows there are; whether {@link deadline} may have become earlier. */
  note(flows: number, now: number): boolean {
    if (flows === this.#flows) return false;
    this.#changes += Math.abs(flows - this.#flows);
    this.#flows = flows;
    this.#lastChange = now;
    return this.#changes >= MANY;
  }

  get deadline(): number | undefined {
    return this.#changes >= MANY ? this.#lastChange + QUIET : undefined;
  }

  expire(): void {
    this.#changes = 0;
    this.#collect();
  }
}
