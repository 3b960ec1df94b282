// How much may be under way: NewReno (RFC 5681, counting bytes as RFC 3465 does). The link is the memory between us and the
// kernel of the sandbox. The ten segments of RFC 6928 spare the queues of routers, of which there are none, so the first
// window is as large as a send queue (the peer's own window, and what it can hold, is then the limit), and it is not taken away
// after a pause. Should something be lost all the same, a full backlog of the peer or a link that loses on purpose, the window
// falls and grows as everywhere.

export class Congestion {
  #window: number;
  #threshold = Number.POSITIVE_INFINITY;
  readonly #limit: number;

  constructor(initialWindow: number) {
    this.#window = initialWindow;
    this.#limit = 2 * initialWindow;
  }

  get window(): number {
    return this.#window;
  }

  acknowledged(bytes: number, segmentSize: number): void {
    const slowStart = this.#window < this.#threshold;
    const growth = slowStart ? bytes : (segmentSize * bytes) / this.#window;
    this.#window = Math.min(this.#window + growth, this.#limit);
  }

  /** Fast recovery begins (RFC 5681, 3.2; what is under way is counted as RFC 6675 does, so nothing is inflated). */
  lost(inFlight: number, segmentSize: number): void {
    this.#threshold = Math.max(inFlight / 2, 2 * segmentSize);
    this.#window = this.#threshold;
  }

  /** `again`: for what was sent again before, which halves nothing twice (RFC 5681, 3.1). */
  timedOut(inFlight: number, segmentSize: number, again: boolean): void {
    if (!again) this.#threshold = Math.max(inFlight / 2, 2 * segmentSize);
    this.#window = segmentSize;
  }
}
