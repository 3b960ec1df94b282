// When to acknowledge: at once what fills two segments, a super-segment, and what a peer with Nagle's algorithm may wait for;
// else within 40 ms (RFC 9293, 3.8.6.3; RFC 5681, 4.2), in the hope of data that carries the acknowledgment.

const DELAY = 40;

export class AckSchedule {
  /** Milliseconds of the clock; 0 is at once, infinity is never. */
  #at = Number.POSITIVE_INFINITY;
  #unacknowledged = 0;
  /** Answers come soon enough to carry acknowledgments: the host replies to what is pushed. */
  #interactive = false;
  #receivedAt = Number.NEGATIVE_INFINITY;

  get at(): number {
    return this.#at;
  }

  isDue(now: number): boolean {
    return this.#at <= now;
  }

  demand(): void {
    this.#at = 0;
  }

  received(bytes: number, segmentSize: number, pushed: boolean, now: number): void {
    this.#unacknowledged += bytes;
    this.#receivedAt = now;
    const atOnce = bytes > segmentSize || this.#unacknowledged >= 2 * segmentSize || (pushed && !this.#interactive);
    this.#at = atOnce ? 0 : Math.min(this.#at, now + DELAY);
  }

  /** A segment with an acknowledgment left; `bare` when it was sent for that alone. */
  sent(bare: boolean, now: number): void {
    if (!bare && now < this.#receivedAt + DELAY) this.#interactive = true;
    else if (bare && this.#at > 0 && this.#at <= now) this.#interactive = false;
    this.#at = Number.POSITIVE_INFINITY;
    this.#unacknowledged = 0;
  }
}
