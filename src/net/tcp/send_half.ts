// What we send, from the oldest byte without acknowledgment to the last one queued (RFC 9293, 3.3.1: SND.UNA, SND.NXT, SND.WND), and
// the one timer that goes with it: of retransmission while something is under way, of persistence while only the peer's closed
// window holds us back. Offset 0 is our SYN; the FIN is the offset behind the last byte.
import type { Acknowledgment } from "./acknowledgment.ts";
import { ByteQueue } from "./byte_queue.ts";
import { Congestion } from "./congestion.ts";
import { LossRecovery } from "./loss_recovery.ts";
import { RttEstimator } from "./rtt_estimator.ts";
import type { TcpSettings } from "./tcp_settings.ts";

const NEVER = Number.POSITIVE_INFINITY;

/** Bytes from `from` of the queue, and the FIN behind them. */
export type Chunk = { readonly from: number; readonly length: number; readonly fin: boolean };

export class SendHalf {
  readonly queue: ByteQueue;
  readonly #settings: TcpSettings;
  readonly #congestion: Congestion;
  readonly #rtt = new RttEstimator();
  readonly #recovery = new LossRecovery();
  #una = 0;
  #nxt = 0;
  #window = 0;
  #largestWindow = 0;
  #windowFrom = -1;
  #windowAck = -1;
  #segmentSize = 0;
  #finAt = NEVER;
  #timerAt = NEVER;
  #retries = 0;
  /** The end of the one segment that is timed when there are no timestamps, and when it left. */
  #timedEnd = NEVER;
  #timedAt = 0;

  constructor(settings: TcpSettings) {
    this.#settings = settings;
    this.#congestion = new Congestion(settings.initialCongestionWindow);
    this.queue = new ByteQueue(settings.pool, 1);
  }

  get una(): number {
    return this.#una;
  }

  get nxt(): number {
    return this.#nxt;
  }

  get largestWindow(): number {
    return this.#largestWindow;
  }

  /** Payload and options of a full segment, as the peer takes it. */
  get segmentSize(): number {
    return this.#segmentSize;
  }

  get timerAt(): number {
    return this.#timerAt;
  }

  get free(): number {
    return this.#finAt === NEVER ? Math.max(0, this.#settings.sendLimit - this.queue.length) : 0;
  }

  get isFinished(): boolean {
    return this.#una > this.#finAt;
  }

  get isFinishing(): boolean {
    return this.#finAt !== NEVER;
  }

  /** The size of segments is agreed on. */
  limitSegments(segmentSize: number): void {
    this.#segmentSize = segmentSize;
  }

  finish(): void {
    this.#finAt = Math.min(this.#finAt, this.queue.end);
  }

  /** The SYN leaves, for the first time or again. */
  sentSyn(now: number): void {
    if (this.#nxt === 0) this.#time(1, now);
    else this.#timedEnd = NEVER;
    this.#nxt = 1;
    this.#timerAt = now + this.#rtt.timeout;
  }

  acknowledge(told: Acknowledgment, now: number): void {
    const isNew = told.ack > this.#una;
    if (isNew) this.#advance(told.ack, told.roundTrip, now);
    const windowChanged = this.#updateWindow(told);
    const reported = this.#recovery.report(this.#una, this.#nxt, told.sacks);
    const isDuplicate = reported || (!isNew && told.bare && !windowChanged && told.sacks.length === 0);
    if (isDuplicate && this.#nxt > this.#una) this.#duplicate();
    this.#retries = 0;
  }

  burstLength(optionLength: number): number {
    const size = this.#segmentSize - optionLength;
    const largest = Math.max(size, this.#settings.maximumBurst - optionLength);
    return largest - (largest % size);
  }

  /** What to send next, if anything may be; it counts as sent. `optionLength`: of the options that will go with it. */
  next(optionLength: number, now: number): Chunk | undefined {
    const size = this.#segmentSize - optionLength;
    const largest = Math.max(size, this.#settings.maximumBurst - optionLength);
    if (this.#recovery.phase === "none") return this.#fresh(size, largest, now);
    return (
      this.#again(false, size, largest, now) ?? this.#fresh(size, largest, now) ?? this.#again(true, size, largest, now)
    );
  }

  /** When the timer has gone off: is the peer to be probed, or given up? */
  expire(now: number): "retransmit" | "probe" | "give up" {
    const limit = this.#una === 0 ? this.#settings.handshakeRetries : this.#settings.retries;
    if (++this.#retries > limit) return "give up";
    this.#rtt.backOff();
    this.#timerAt = now + this.#rtt.timeout;
    if (this.#nxt === this.#una) return "probe";
    if (this.#una > 0) this.#timeOut();
    return "retransmit";
  }

  clear(): void {
    this.queue.clear();
    this.#timerAt = NEVER;
  }

  #timeOut(): void {
    const again = this.#recovery.phase === "timeout";
    this.#congestion.timedOut(this.#pipe(), this.#segmentSize, again);
    this.#recovery.timeOut(this.#una, this.#nxt);
    this.#timedEnd = NEVER;
  }

  #duplicate(): void {
    if (this.#recovery.duplicate(this.#una, this.#nxt, this.#segmentSize))
      this.#congestion.lost(this.#nxt - this.#una, this.#segmentSize);
  }

  #advance(ack: number, roundTrip: number | undefined, now: number): void {
    if (this.#recovery.phase !== "fast") this.#congestion.acknowledged(ack - this.#una, this.#segmentSize);
    this.#una = ack;
    if (ack > 1) this.queue.dropTo(Math.min(ack, this.queue.end));
    this.#recovery.advance(ack, this.#segmentSize);
    this.#sample(roundTrip, now);
    this.#rtt.endBackOff();
    this.#timerAt = this.#nxt > ack ? now + this.#rtt.timeout : NEVER;
  }

  #sample(roundTrip: number | undefined, now: number): void {
    if (roundTrip !== undefined) this.#rtt.sample(roundTrip);
    else if (this.#una >= this.#timedEnd) this.#rtt.sample(now - this.#timedAt);
    if (this.#una >= this.#timedEnd) this.#timedEnd = NEVER;
  }

  #time(end: number, now: number): void {
    if (this.#timedEnd !== NEVER) return;
    this.#timedEnd = end;
    this.#timedAt = now;
  }

  #updateWindow({ ack, window, from }: Acknowledgment): boolean {
    const isNewer = from > this.#windowFrom || (from === this.#windowFrom && ack >= this.#windowAck);
    if (!isNewer) return false;
    this.#windowFrom = from;
    this.#windowAck = ack;
    if (window === this.#window) return false;
    this.#window = window;
    this.#largestWindow = Math.max(this.#largestWindow, window);
    if (this.#nxt === this.#una && window > 0) this.#endPersistence();
    return true;
  }

  #endPersistence(): void {
    this.#rtt.endBackOff();
    this.#timerAt = NEVER;
  }

  #pipe(): number {
    return this.#recovery.pipe(this.#una, this.#nxt, this.#segmentSize);
  }

  #fresh(size: number, largest: number, now: number): Chunk | undefined {
    const available = this.queue.end - this.#nxt;
    const finDue = this.#nxt <= this.#finAt && this.#finAt !== NEVER;
    if (available < 0 || (available === 0 && !finDue)) return undefined;
    const usable = this.#usable();
    const length = this.#segmentable(available, Math.min(available, usable, largest), size);
    if (length > 0 || available === 0) return this.#send(length, finDue && length === available, now);
    if (this.#timerAt === NEVER) this.#timerAt = now + this.#rtt.timeout;
    return undefined;
  }

  #usable(): number {
    const window = this.#una + this.#window - this.#nxt;
    return Math.max(0, Math.min(window, Math.floor(this.#congestion.window - this.#pipe())));
  }

  /**
   * RFC 9293, 3.8.6.2.1: whole segments, all there is, or half of the largest window seen. With nothing under way anything goes, so
   * that no window, however small, makes us wait for a timer.
   */
  #segmentable(available: number, allowed: number, size: number): number {
    if (allowed === available) return allowed;
    if (allowed >= size) return allowed - (allowed % size);
    return this.#nxt === this.#una || allowed >= this.#largestWindow / 2 ? allowed : 0;
  }

  #send(length: number, fin: boolean, now: number): Chunk {
    const from = this.#nxt;
    this.#nxt += length + (fin ? 1 : 0);
    this.#time(this.#nxt, now);
    if (from === this.#una || this.#timerAt === NEVER) this.#timerAt = now + this.#rtt.timeout;
    return { from, length, fin };
  }

  /** The first hole goes out whatever the window of congestion says, the others as it allows. */
  #again(rescue: boolean, size: number, largest: number, now: number): Chunk | undefined {
    const hole = this.#recovery.nextHole(this.#una, this.#nxt, rescue);
    if (!hole) return undefined;
    const allowed = Math.floor(this.#congestion.window - this.#pipe());
    if (hole.from > this.#una && allowed < Math.min(size, hole.to - hole.from)) return undefined;
    const length = Math.min(hole.to - hole.from, largest, Math.max(size, allowed - (allowed % size)));
    this.#recovery.filledTo(hole.from + length);
    this.#timedEnd = NEVER;
    this.#timerAt = now + this.#rtt.timeout;
    const fin = hole.from + length > this.#finAt;
    return { from: hole.from, length: fin ? length - 1 : length, fin };
  }
}
