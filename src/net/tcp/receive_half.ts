// What we receive (RFC 9293, 3.3.1: RCV.NXT, RCV.WND): puts bytes in order, hands them on, and says how many more may come. The right
// edge of the window, once told, is never taken back; it moves on in steps worth telling (3.8.6.2.2). Bytes out of order are put
// into the queue at the place they will have. Offset 0 is the peer's SYN; its FIN is the offset behind its last byte.
import { ByteQueue } from "./byte_queue.ts";
import type { Agreement } from "./handshake.ts";
import { TIMESTAMPS_LENGTH, type Timestamps } from "./outgoing_segment.ts";
import { RangeSet } from "./range_set.ts";
import { isEarlier, offsetNear, sequenceAt } from "./sequence.ts";
import type { TcpEndpoint, TcpSettings } from "./tcp_settings.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** Ranges out of order that are kept; a peer that sends more of them has to send again. */
const ASSEMBLER_LIMIT = 64;
/** RFC 7323, 5.5: a timestamp older than this may have wrapped. */
const TIMESTAMP_LIFETIME = 24 * 86_400_000;

export class ReceiveHalf {
  readonly queue: ByteQueue;
  readonly #settings: TcpSettings;
  readonly #deliver: TcpEndpoint["deliver"];
  readonly #initial: number;
  #assembler: RangeSet | undefined;
  #nxt = 1;
  /** Behind the last byte the peer was told it may send. */
  #edge = 1;
  #scale = 0;
  #segmentSize = 536;
  #finAt = NEVER;
  /** RFC 7323, 4.3: TS.Recent, when it came, and Last.ACK.sent. */
  #recentTimestamp = -1;
  #recentAt = 0;
  #acknowledged = 0;
  #isCleared = false;

  constructor({ settings, deliver }: TcpEndpoint, initialSequenceNumber: number) {
    this.#settings = settings;
    this.#deliver = deliver;
    this.#initial = initialSequenceNumber;
    this.queue = new ByteQueue(settings.pool, 1);
  }

  get nxt(): number {
    return this.#nxt;
  }

  get edge(): number {
    return this.#edge;
  }

  /**
   * Two of these are acknowledged without delay. A segment may be larger than the window (the MTU of a TAP is as large as a first
   * window): a sender that has filled half of it waits for us, not we for more.
   */
  get acknowledgedSize(): number {
    return Math.min(this.#segmentSize, this.#limit / 4);
  }

  get acknowledgmentNumber(): number {
    return sequenceAt(this.#initial, this.#nxt);
  }

  get recentTimestamp(): number {
    return Math.max(0, this.#recentTimestamp);
  }

  /** The FIN and all before it have come. */
  get isComplete(): boolean {
    return this.#nxt > this.#finAt;
  }

  get hasGaps(): boolean {
    return this.#assembler !== undefined && this.#assembler.size > 0;
  }

  offsetOf(sequence: number): number {
    return offsetNear(this.#initial, sequence, this.#nxt);
  }

  /** What the handshake settled. */
  agree({ receiveScale, segmentSize, timestamps }: Agreement): void {
    this.#scale = receiveScale;
    this.#segmentSize = segmentSize - (timestamps ? TIMESTAMPS_LENGTH : 0);
  }

  /** PAWS, RFC 7323, 5.3: false for a segment from a round of sequence numbers ago. */
  isTimely({ value }: Timestamps, now: number): boolean {
    if (this.#recentTimestamp < 0 || !isEarlier(value, this.#recentTimestamp)) return true;
    return now - this.#recentAt > TIMESTAMP_LIFETIME;
  }

  /** RFC 7323, 4.3: of segments that reach back to the last acknowledgment, so that delayed ones are timed in full. */
  noteTimestamp({ value }: Timestamps, from: number, now: number): void {
    if (from > this.#acknowledged || (this.#recentTimestamp >= 0 && !this.isTimely({ value, echoReply: 0 }, now)))
      return;
    this.#recentTimestamp = value;
    this.#recentAt = now;
  }

  /** What of `payload`, which is at `from`, is new and wanted. False when there is reason to acknowledge at once. */
  receive(from: number, payload: Uint8Array, fin: boolean): boolean {
    const behind = from + payload.length;
    if (fin && this.#finAt === NEVER && behind >= this.#nxt && behind <= this.#edge) this.#noteFin(behind);
    const left = Math.max(from, this.#nxt);
    const right = Math.min(behind, this.#edge, this.#finAt);
    let expected = left === from && right === behind;
    if (right > left) {
      const fresh = right - left === payload.length ? payload : payload.subarray(left - from, right - from);
      expected = (left === this.#nxt ? this.#takeInOrder(fresh) : this.#takeAhead(left, fresh)) && expected;
    }
    if (this.#nxt === this.#finAt) this.#nxt++;
    return expected;
  }

  consume(count: number): void {
    if (count < 0 || count > this.queue.length) throw new RangeError(`consumed ${count} of ${this.queue.length} bytes`);
    this.queue.dropTo(this.queue.start + count);
  }

  /** Has so much been consumed that the peer, short of window, should know? */
  get isWindowUpdateDue(): boolean {
    if (this.isComplete || this.#finAt !== NEVER) return false;
    const left = this.#edge - this.#nxt;
    return left <= this.#limit / 2 && this.#nextEdge() > this.#edge;
  }

  /**
   * The window field of a segment that is sent now, with our acknowledgment. Rounded down: the peer may see the edge go back by less
   * than a unit of the scale, which RFC 7323, 2.4 has it bear, but nothing it sends by what it was told is cut off.
   */
  advertise(): number {
    this.#edge = this.#nextEdge();
    this.#acknowledged = this.#nxt;
    return Math.min(Math.floor((this.#edge - this.#nxt) / 2 ** this.#scale), 0xffff);
  }

  /** The window field of a SYN, which is never scaled (RFC 7323, 2.2). */
  advertiseUnscaled(): number {
    const field = Math.min(this.#settings.receiveLimit, 0xffff);
    this.#edge = this.#nxt + field;
    this.#acknowledged = this.#nxt;
    return field;
  }

  /** Ranges for the option, in wire numbers; the latest first. */
  sackBlocks(count: number): readonly (readonly [number, number])[] {
    const newest = this.#assembler?.newestFirst(count) ?? [];
    return newest.map(
      ({ left, right }) => [sequenceAt(this.#initial, left), sequenceAt(this.#initial, right)] as const,
    );
  }

  clear(): void {
    this.#isCleared = true;
    this.#assembler = undefined;
    this.queue.clear();
  }

  get #limit(): number {
    return Math.min(this.#settings.receiveLimit, 0xffff * 2 ** this.#scale);
  }

  /** Grows by a segment or half of the limit at a time. Where the pool is short, by what it has, and by a block in any case. */
  #nextEdge(): number {
    const { pool } = this.#settings;
    const room = Math.min(this.#limit - this.queue.length, Math.max(pool.spareBytes, pool.blockSize));
    const edge = this.#nxt + Math.max(0, room);
    return edge - this.#edge >= Math.min(this.#segmentSize, this.#limit / 2) ? edge : this.#edge;
  }

  /** One that leaves bytes we have behind it is a lie: those bytes go. */
  #noteFin(at: number): void {
    this.#finAt = at;
    if ((this.#assembler?.last?.right ?? 0) > at) this.#forgetAhead();
  }

  /** True when nothing was missing or is. */
  #takeInOrder(bytes: Uint8Array): boolean {
    const taken = this.queue.length === 0 && this.#deliver ? this.#deliverTo(this.#deliver, bytes) : 0;
    if (this.#isCleared) return true;
    const queued = taken === bytes.length ? 0 : this.#queueRest(bytes.subarray(taken));
    this.#nxt += taken + queued;
    const complete = taken + queued === bytes.length;
    if (!this.#assembler || this.#assembler.size === 0) return complete;
    if (complete) this.#join(this.#assembler);
    return false;
  }

  #deliverTo(deliver: (bytes: Uint8Array) => number, bytes: Uint8Array): number {
    const taken = deliver(bytes);
    if (taken < 0 || taken > bytes.length) throw new RangeError(`delivered ${taken} of ${bytes.length} bytes`);
    if (taken > 0) this.queue.skip(taken);
    return taken;
  }

  /** What is ahead makes room for what comes next, or no byte of a full pool would ever be let go. */
  #queueRest(bytes: Uint8Array): number {
    const queued = this.queue.append(bytes);
    if (queued === bytes.length || !this.hasGaps) return queued;
    this.#forgetAhead();
    return queued + this.queue.append(bytes.subarray(queued));
  }

  #takeAhead(left: number, bytes: Uint8Array): boolean {
    this.#assembler ??= new RangeSet(ASSEMBLER_LIMIT);
    const right = left + bytes.length;
    if (this.#assembler.hasRoomFor(left, right) && this.queue.writeAt(left, bytes)) this.#assembler.add(left, right);
    return false;
  }

  #join(assembler: RangeSet): void {
    const first = assembler.first;
    if (!first || first.left > this.#nxt) return;
    this.#nxt = Math.max(this.#nxt, first.right);
    this.queue.extendTo(this.#nxt);
    assembler.dropTo(this.#nxt);
  }

  #forgetAhead(): void {
    this.#assembler?.clear();
    this.queue.dropBeyondEnd();
  }
}
