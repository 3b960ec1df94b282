// Where our own connections to the sandbox start to count. A sandbox that closed first keeps a connection in TIME-WAIT for a minute, and
// takes a new one with the same addresses and ports at once only where its timestamps or sequence numbers are later than the
// old one's (RFC 6191, RFC 9293 section 3.4.1): so both go up with time, from numbers that are random. Nobody but the sandbox sees them.

/** RFC 9293 section 3.4.1: one in 4 microseconds. */
const PER_MILLISECOND = 250;
const WORD = 2 ** 32;

export type FirstNumbers = { readonly initialSequenceNumber: number; readonly timestampOffset: number };

export class SequenceClock {
  readonly #sequence: number;
  readonly #timestampOffset: number;

  /** @param random unsigned numbers of 32 bits. */
  constructor(random: () => number) {
    this.#sequence = random();
    this.#timestampOffset = random();
  }

  at(now: number): FirstNumbers {
    const initialSequenceNumber = (this.#sequence + Math.floor(now * PER_MILLISECOND)) % WORD;
    return { initialSequenceNumber, timestampOffset: this.#timestampOffset };
  }
}
