// Ranges of a stream that are there while something before them is not: what a receiver has got out of order (the assembler), and
// what a sender was told of it (the scoreboard of RFC 6675). Sorted, apart from each other, and few: a peer that would make it
// many is not remembered.

type Range = { left: number; right: number; added: number };

export class RangeSet {
  readonly #limit: number;
  readonly #ranges: Range[] = [];
  #additions = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#ranges.length;
  }

  get ranges(): readonly Readonly<Range>[] {
    return this.#ranges;
  }

  get first(): Readonly<Range> | undefined {
    return this.#ranges[0];
  }

  get last(): Readonly<Range> | undefined {
    return this.#ranges[this.#ranges.length - 1];
  }

  /** How many of the bytes are in the ranges. */
  get bytes(): number {
    let bytes = 0;
    for (const { left, right } of this.#ranges) bytes += right - left;
    return bytes;
  }

  /** Would {@link add} keep it? */
  hasRoomFor(left: number, right: number): boolean {
    return (
      this.#ranges.length < this.#limit || this.#ranges.some((range) => range.left <= right && range.right >= left)
    );
  }

  /** False when it is not kept, for there are too many. */
  add(left: number, right: number): boolean {
    if (!this.hasRoomFor(left, right)) return false;
    const ranges = this.#ranges;
    let from = 0;
    while (from < ranges.length && (ranges[from]?.right ?? 0) < left) from++;
    const range = { left, right, added: ++this.#additions };
    let to = from;
    for (let next = ranges[to]; next && next.left <= right; next = ranges[++to]) {
      range.left = Math.min(range.left, next.left);
      range.right = Math.max(range.right, next.right);
    }
    ranges.splice(from, to - from, range);
    return true;
  }

  covers(left: number, right: number): boolean {
    return this.#ranges.some((range) => range.left <= left && range.right >= right);
  }

  /** Forgets what lies before `offset`. */
  dropTo(offset: number): void {
    const ranges = this.#ranges;
    while (ranges[0] && ranges[0].right <= offset) ranges.shift();
    if (ranges[0] && ranges[0].left < offset) ranges[0].left = offset;
  }

  clear(): void {
    this.#ranges.length = 0;
  }

  /** RFC 2018, 4: the one that was added to last comes first, so that a lost report is repeated. */
  newestFirst(count: number): readonly Readonly<Range>[] {
    return [...this.#ranges].sort((one, other) => other.added - one.added).slice(0, count);
  }
}
