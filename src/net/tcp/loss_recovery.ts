// What of the bytes under way is lost and to be sent again: RFC 6675 by the peer's selective acknowledgments, RFC 6582 (NewReno) by
// duplicate ones where it sends none, and after a timeout everything that is not acknowledged again (RFC 2018, 5.1).
//
//   none     nothing is missing, as far as is known
//   fast     three duplicates, or as much reported beyond a hole: until `#point` is acknowledged, holes below `#lostEdge` are filled
//   timeout  all up to `#point` is taken for lost
import { RangeSet } from "./range_set.ts";

const DUPLICATE_THRESHOLD = 3;
/** A peer can report three ranges at a time; holes beyond these are found later. */
const SCOREBOARD_LIMIT = 128;

export type Hole = { readonly from: number; readonly to: number };

export class LossRecovery {
  #phase: "none" | "fast" | "timeout" = "none";
  /** The highest offset sent when recovery began. It guards against a second reduction for the same loss, RFC 6582. */
  #point = 0;
  #lostEdge = 0;
  /** All holes below were filled once since recovery began. */
  #filled = 0;
  #duplicates = 0;
  #scoreboard: RangeSet | undefined;

  get phase(): "none" | "fast" | "timeout" {
    return this.#phase;
  }

  /** Nothing is missing or reported: what is under way is simply what is not acknowledged. */
  get isQuiet(): boolean {
    return this.#phase === "none" && this.#duplicates === 0 && this.#scored === 0;
  }

  get #scored(): number {
    return this.#scoreboard?.size ?? 0;
  }

  /** Everything up to `una` was acknowledged. */
  advance(una: number, segmentSize: number): void {
    this.#duplicates = 0;
    this.#scoreboard?.dropTo(una);
    if (this.#phase === "none") return;
    this.#filled = Math.max(this.#filled, una);
    if (una >= this.#point) this.#end();
    else if (this.#scoreboard) this.#markLost(segmentSize);
    else this.#lostEdge = Math.max(this.#lostEdge, una + segmentSize);
  }

  /** The peer has these too. True when that was news. */
  report(una: number, nxt: number, ranges: readonly Hole[]): boolean {
    let isNews = false;
    for (const { from, to } of ranges) {
      if (from < una || to > nxt || to <= from || this.#scoreboard?.covers(from, to)) continue;
      this.#scoreboard ??= new RangeSet(SCOREBOARD_LIMIT);
      isNews = this.#scoreboard.add(from, to) || isNews;
    }
    return isNews;
  }

  /** An acknowledgment that says only that something else came. True when recovery begins with it. */
  duplicate(una: number, nxt: number, segmentSize: number): boolean {
    this.#duplicates++;
    this.#markLost(segmentSize);
    const begins = this.#phase === "none" && (this.#duplicates >= DUPLICATE_THRESHOLD || this.#lostEdge > una);
    if (begins) this.#begin("fast", una, nxt, una + segmentSize);
    return begins;
  }

  /** Nothing came in time. What the peer reported before must not be relied on, RFC 2018, 8. */
  timeOut(una: number, nxt: number): void {
    this.#scoreboard = undefined;
    this.#duplicates = 0;
    this.#begin("timeout", una, nxt, nxt);
  }

  /** The bytes taken to be in the network (RFC 6675, SetPipe). */
  pipe(una: number, nxt: number, segmentSize: number): number {
    if (this.isQuiet) return nxt - una;
    const left = nxt - una - this.#lost(una);
    if (this.#scored === 0) return Math.max(0, left - this.#duplicates * segmentSize);
    return Math.max(0, left - (this.#scoreboard?.bytes ?? 0));
  }

  /** The first hole to fill; `rescue` takes in those that are not known to be lost, but have something after them. */
  nextHole(una: number, nxt: number, rescue: boolean): Hole | undefined {
    if (this.#phase === "none") return undefined;
    const edge = Math.min(nxt, rescue ? Math.max(this.#lostEdge, this.#scoreboard?.last?.left ?? 0) : this.#lostEdge);
    let from = Math.max(una, this.#filled);
    for (const { left, right } of this.#scoreboard?.ranges ?? []) {
      if (from < left) return from < edge ? { from, to: Math.min(left, edge) } : undefined;
      from = Math.max(from, right);
    }
    return from < edge ? { from, to: edge } : undefined;
  }

  filledTo(offset: number): void {
    this.#filled = offset;
  }

  #begin(phase: "fast" | "timeout", una: number, nxt: number, lostEdge: number): void {
    this.#phase = phase;
    this.#point = nxt;
    this.#filled = una;
    this.#lostEdge = Math.max(this.#lostEdge, lostEdge);
  }

  #end(): void {
    this.#phase = "none";
    this.#lostEdge = 0;
    this.#filled = 0;
  }

  /** RFC 6675, IsLost: three ranges beyond, or more than two segments' worth of bytes. */
  #markLost(segmentSize: number): void {
    const ranges = this.#scoreboard?.ranges ?? [];
    let beyond = 0;
    for (let index = ranges.length - 1; index >= 0; index--) {
      const range = ranges[index];
      if (!range) return;
      beyond += range.right - range.left;
      const isLost = ranges.length - index >= DUPLICATE_THRESHOLD || beyond > (DUPLICATE_THRESHOLD - 1) * segmentSize;
      if (!isLost) continue;
      this.#lostEdge = Math.max(this.#lostEdge, range.left);
      return;
    }
  }

  /** Bytes below the lost edge that were neither reported nor sent again. */
  #lost(una: number): number {
    let lost = 0;
    let from = Math.max(una, this.#filled);
    if (this.#phase === "none") return 0;
    for (const { left, right } of this.#scoreboard?.ranges ?? []) {
      if (left >= this.#lostEdge) break;
      if (left > from) lost += left - from;
      from = Math.max(from, right);
    }
    return lost + Math.max(0, this.#lostEdge - from);
  }
}
