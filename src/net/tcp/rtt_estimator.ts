// How long to wait for an acknowledgment: RFC 6298. Bounds are Linux's: 200 ms at least (its peer may hold an acknowledgment back
// for 40), and a second before anything is known.

const INITIAL = 1000;
const MINIMUM = 200;
const MAXIMUM = 60_000;

export class RttEstimator {
  #smoothed = -1;
  #variation = 0;
  #base = INITIAL;
  #backoff = 1;

  /** The retransmission timeout in milliseconds, backed off. */
  get timeout(): number {
    return Math.min(this.#base * this.#backoff, MAXIMUM);
  }

  /** Only of segments that were sent once, or told apart by their timestamps (Karn). */
  sample(roundTrip: number): void {
    if (this.#smoothed < 0) {
      this.#smoothed = roundTrip;
      this.#variation = roundTrip / 2;
    } else {
      this.#variation += (Math.abs(this.#smoothed - roundTrip) - this.#variation) / 4;
      this.#smoothed += (roundTrip - this.#smoothed) / 8;
    }
    this.#base = Math.min(Math.max(MINIMUM, this.#smoothed + Math.max(1, 4 * this.#variation)), MAXIMUM);
  }

  backOff(): void {
    this.#backoff = Math.min(this.#backoff * 2, 1024);
  }

  endBackOff(): void {
    this.#backoff = 1;
  }
}
