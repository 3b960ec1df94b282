// How long to look for the next event before sleeping until it comes. A processor that has gone idle takes tens of microseconds to be
// back (on a virtual machine its host takes it away meanwhile), which is more than a turn of the loop takes; so while events follow each
// other closely, the loop stays awake for them. As KVM does for a guest that halts (virt/kvm/halt-polling.rst): it looks for as
// long as would have been worth it lately, and not at all where the last waits were long ones.

/** Milliseconds. */
const MOST = 0.06;
const LEAST = 0.01;

export class BusyPoll {
  #window = 0;

  /** How many milliseconds to look. */
  get window(): number {
    return this.#window;
  }

  /** An event took so many milliseconds to come, asleep or not. */
  waited(milliseconds: number): void {
    if (milliseconds <= MOST) this.#window = MOST;
    else this.#window = this.#window > LEAST ? this.#window / 2 : 0;
  }
}
