// When something must be done that no packet brings about: a binary heap of deadlines. A deadline that moves to later is left where it
// is and looked at again when it comes up, since that is what most do: a retransmission is put off with every segment. What has been
// forgotten, or has become earlier, would stay until its time, which may be hours (keepalive): it is swept when it is the larger part.

export type Timed = {
  /** In milliseconds; `undefined` while there is nothing to wait for. Asked for again when an earlier answer has come up. */
  readonly deadline: number | undefined;
  /** It has come, and is forgotten: for the next one {@link Timers.update} has to be called. */
  expire(now: number): void;
};

type Entry = { readonly at: number; readonly item: Timed };

/** Not worth a sweep. */
const FEW = 64;

export class Timers {
  #heap: Entry[] = [];
  /** The earliest entry of each. */
  readonly #earliest = new Map<Timed, number>();

  /** To be told whenever a deadline may have become earlier. */
  update(item: Timed): void {
    const at = item.deadline;
    if (at === undefined || at >= (this.#earliest.get(item) ?? Number.POSITIVE_INFINITY)) return;
    this.#earliest.set(item, at);
    this.#push({ at, item });
    this.#sweep();
  }

  /** Forgets it: what stands in the heap is passed over when it comes up, or swept. */
  remove(item: Timed): void {
    this.#earliest.delete(item);
    this.#passOver();
    this.#sweep();
  }

  /** Entries, those among them that nobody waits for any more: no more than those that somebody does, and a few. */
  get held(): number {
    return this.#heap.length;
  }

  /** When {@link expire} is to be called next; it may then find that nothing is to be done yet. */
  get next(): number | undefined {
    return this.#heap[0]?.at;
  }

  expire(now: number): void {
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      this.#pop();
      const { at, item } = first;
      if (this.#earliest.get(item) !== at) continue;
      this.#earliest.delete(item);
      if ((item.deadline ?? Number.POSITIVE_INFINITY) <= now) item.expire(now);
      else this.update(item);
    }
    this.#passOver();
  }

  /** The first is one that somebody waits for: a thousand short connections are not to be a thousand wake-ups later. */
  #passOver(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#earliest.get(first.item) === first.at) return;
      this.#pop();
    }
  }

  #sweep(): void {
    if (this.#heap.length <= 2 * this.#earliest.size + FEW) return;
    // In order is a heap.
    this.#heap = Array.from(this.#earliest, ([item, at]) => ({ at, item })).sort((one, other) => one.at - other.at);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Entry;
      if (above.at <= entry.at) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (let child = 1; child < heap.length; child = at * 2 + 1) {
      if (child + 1 < heap.length && (heap[child + 1] as Entry).at < (heap[child] as Entry).at) child++;
      if ((heap[child] as Entry).at >= last.at) break;
      heap[at] = heap[child] as Entry;
      at = child;
    }
    heap[at] = last;
  }
}
