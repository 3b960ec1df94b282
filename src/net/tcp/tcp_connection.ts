// Our end of one TCP connection, RFC 9293; the other is a kernel in a sandbox. It does nothing by itself: segments are given to it, and
// after each call the owner polls until nothing more is to be sent, and again when `pollAt` comes. Time is the owner's, in
// milliseconds. Bytes of the peer go to `deliver` as they come; what it does not take waits to be read, and closes the window.
//
//   state         who leaves it, and to where
//   SYN-SENT      receive: ESTABLISHED; SYN-RECEIVED when both sides open
//   SYN-RECEIVED  receive: ESTABLISHED. Nothing is sent until the owner confirms or refuses
//   ESTABLISHED   finish: FIN-WAIT-1; receive (a FIN): CLOSE-WAIT
//   FIN-WAIT-1    receive: FIN-WAIT-2 (ours is acknowledged), CLOSING (theirs has come), TIME-WAIT (both)
//   FIN-WAIT-2    receive: TIME-WAIT
//   CLOSING       receive: TIME-WAIT
//   TIME-WAIT     poll, when its time is over: CLOSED
//   CLOSE-WAIT    finish: LAST-ACK
//   LAST-ACK      receive: CLOSED
//   CLOSED        nobody
// From each, receive (a reset), poll (no answer for too long), abort and refuse lead to CLOSED. FIN-WAIT-1 and LAST-ACK begin when the owner
// finishes, though bytes may be queued before the FIN; the peer's FIN counts when all before it has come.
import { TCP_FLAG, type TcpOptions, type TcpSegment } from "../wire/tcp.ts";
import { AckSchedule } from "./ack_schedule.ts";
import { ChallengeLimit } from "./challenge_limit.ts";
import { type Agreement, agree, synOptions } from "./handshake.ts";
import { KeepAliveTimer } from "./keep_alive.ts";
import {
  type OutgoingSegment,
  optionLength,
  outgoingSegment,
  segmentOptions,
  timestampsAt,
} from "./outgoing_segment.ts";
import { ReceiveHalf } from "./receive_half.ts";
import { resetFor } from "./reset_for.ts";
import { checkSegment, type Verdict } from "./segment_check.ts";
import { type Acknowledgment, type Chunk, SendHalf } from "./send_half.ts";
import { isEarlier, offsetNear } from "./sequence.ts";
import type { TcpEndpoint } from "./tcp_settings.ts";

const { FIN, SYN, RST, PSH, ACK } = TCP_FLAG;
const NEVER = Number.POSITIVE_INFINITY;
const NONE: readonly never[] = [];
/** A longer round trip than this was not one: the peer echoes what it likes. */
const LONGEST_ROUND_TRIP = 60_000;

export type TcpState =
  | "SYN-SENT"
  | "SYN-RECEIVED"
  | "ESTABLISHED"
  | "FIN-WAIT-1"
  | "FIN-WAIT-2"
  | "CLOSING"
  | "TIME-WAIT"
  | "CLOSE-WAIT"
  | "LAST-ACK"
  | "CLOSED";

/** `refused`: a SYN was answered with a reset, by the peer or by us. `aborted`: by our owner. `timeout`: the peer fell silent. */
export type CloseReason = "finished" | "reset" | "refused" | "aborted" | "timeout";

export class TcpConnection {
  readonly #endpoint: TcpEndpoint;
  readonly #send: SendHalf;
  readonly #acks = new AckSchedule();
  readonly #keepAlive: KeepAliveTimer;
  /** These two come with the peer's SYN. */
  #receive: ReceiveHalf | undefined;
  #agreed: Agreement | undefined;
  #challenges: ChallengeLimit | undefined;
  #state: TcpState;
  #closeReason: CloseReason | undefined;
  #isConfirmed: boolean;
  #synDue = false;
  #reset: OutgoingSegment | undefined;
  #probeDue = false;
  #timeWaitUntil = NEVER;

  private constructor(endpoint: TcpEndpoint, state: "SYN-SENT" | "SYN-RECEIVED", now: number) {
    this.#endpoint = endpoint;
    this.#state = state;
    this.#isConfirmed = state === "SYN-SENT";
    this.#send = new SendHalf(endpoint.settings);
    this.#keepAlive = new KeepAliveTimer(endpoint.settings.keepAlive, now);
  }

  /** The peer opens: `syn` is its first segment. The owner has to {@link confirm} or {@link refuse}. */
  static accept(endpoint: TcpEndpoint, syn: TcpSegment, now: number): TcpConnection {
    const connection = new TcpConnection(endpoint, "SYN-RECEIVED", now);
    connection.#meet(syn, now);
    return connection;
  }

  /** We open. */
  static connect(endpoint: TcpEndpoint, now: number): TcpConnection {
    const connection = new TcpConnection(endpoint, "SYN-SENT", now);
    connection.#synDue = true;
    return connection;
  }

  get state(): TcpState {
    return this.#state;
  }

  get closeReason(): CloseReason | undefined {
    return this.#closeReason;
  }

  /** There is nothing left to be sent or awaited; bytes may be left to be read. */
  get isClosed(): boolean {
    return this.#state === "CLOSED" && !this.#reset;
  }

  /** The peer's FIN and everything before it has come and was taken by the host. */
  get isReceiveFinished(): boolean {
    return this.#receive?.isComplete === true && this.#receive.queue.length === 0;
  }

  /** Our FIN is acknowledged, and so is all before it. */
  get isSendFinished(): boolean {
    return this.#send.isFinished;
  }

  get readableLength(): number {
    return this.#receive?.queue.length ?? 0;
  }

  /** Bytes that the peer has not acknowledged, sent or not. */
  get unacknowledgedLength(): number {
    return this.#send.queue.length;
  }

  get writableLength(): number {
    return this.#state === "CLOSED" ? 0 : this.#send.free;
  }

  /** When to poll though nothing has happened. */
  get pollAt(): number | undefined {
    if (this.#state === "CLOSED") return undefined;
    const at = Math.min(this.#send.timerAt, this.#acks.at, this.#timeWaitUntil, this.#keepAliveAt);
    return at === NEVER ? undefined : at;
  }

  /** The host's connect succeeded. */
  confirm(): void {
    if (this.#state !== "SYN-RECEIVED" || this.#isConfirmed) return;
    this.#isConfirmed = true;
    this.#synDue = true;
  }

  /** It did not: the peer's connect is refused. */
  refuse(): void {
    if (this.#state !== "SYN-RECEIVED" || this.#isConfirmed) return;
    this.#sendReset();
    this.#close("refused");
  }

  /** FIN, behind all that is queued. */
  finish(): void {
    if (this.#state === "CLOSED" || this.#send.isFinishing) return;
    this.#send.finish();
    if (this.#state === "ESTABLISHED") this.#state = "FIN-WAIT-1";
    else if (this.#state === "CLOSE-WAIT") this.#state = "LAST-ACK";
  }

  /** Reset, without regard to what is queued. A SYN that was not answered is not followed by one. */
  abort(): void {
    if (this.#state === "CLOSED") return;
    if (this.#state !== "SYN-SENT" && this.#state !== "TIME-WAIT") this.#sendReset();
    this.#close("aborted");
  }

  readable(): readonly Uint8Array[] {
    const queue = this.#receive?.queue;
    return queue && queue.length > 0 ? queue.slices(queue.start, queue.end) : NONE;
  }

  /** The host took `count` bytes of what is readable. */
  consume(count: number): void {
    if (!this.#receive) return;
    this.#receive.consume(count);
    if (this.#state !== "CLOSED" && this.#receive.isWindowUpdateDue) this.#acks.demand();
  }

  /** Space for up to `want` bytes of the host, less when the queue or the pool is full; {@link produce} must follow, if only with 0. */
  writable(want: number): readonly Uint8Array[] {
    const { pool } = this.#endpoint.settings;
    const { queue } = this.#send;
    // Half of what is left at a time: no connection can take the pool's last blocks from all others. One with nothing under way
    // would not be called again.
    const fair = Math.max(Math.ceil(pool.spareBytes / 2), queue.length === 0 ? pool.blockSize : 0);
    return queue.reserve(Math.min(want, this.writableLength, fair));
  }

  /** The first `count` bytes of what was writable are filled. */
  produce(count: number): void {
    if (count < 0 || count > this.writableLength)
      throw new RangeError(`produced ${count} bytes of ${this.writableLength}`);
    this.#send.queue.commit(count);
  }

  receive(segment: TcpSegment, now: number): void {
    if (this.#state === "CLOSED") return;
    if (this.#state === "SYN-SENT" || !this.#receive || !this.#agreed) return this.#receiveInSynSent(segment, now);
    const from = this.#receive.offsetOf(segment.sequenceNumber);
    const ack = this.#ackOffset(segment);
    const verdict = this.#check(segment, from, ack, this.#receive, now);
    if (!this.#isConfirmed) return verdict === "reset" ? this.#close("reset") : undefined;
    if (verdict !== "accept") return this.#answer(verdict, segment, now);
    this.#keepAlive.heard(now);
    if (segment.options.timestamps && this.#agreed.timestamps)
      this.#receive.noteTimestamp(segment.options.timestamps, from, now);
    this.#send.acknowledge(this.#acknowledgment(segment, from, ack, this.#agreed, now), now);
    this.#advanceState(now);
    if (segment.payload.length > 0 || segment.flags & FIN) this.#takePayload(segment, from, this.#receive, now);
  }

  /** The next segment to be sent now. To be called until there is none. */
  poll(now: number): OutgoingSegment | undefined {
    if (this.#isConfirmed && this.#state !== "CLOSED") this.#expire(now);
    if (this.#reset) return this.#takeReset();
    if (this.#state === "CLOSED" || !this.#isConfirmed) return undefined;
    if (this.#synDue) return this.#emitSyn(now);
    return this.#receive && this.#agreed && this.#emit(this.#receive, this.#agreed, now);
  }

  /** In TIME-WAIT: is `syn` so much newer that a connection may begin with it (RFC 6191)? The owner then puts it in our place. */
  isReplaceableBy(syn: TcpSegment): boolean {
    const receive = this.#receive;
    if (this.#state !== "TIME-WAIT" || !receive || (syn.flags & (SYN | ACK | RST | FIN)) !== SYN) return false;
    const { timestamps } = syn.options;
    if (timestamps && this.#agreed?.timestamps) return isEarlier(receive.recentTimestamp, timestamps.value);
    return receive.offsetOf(syn.sequenceNumber) > receive.nxt;
  }

  get #keepAliveAt(): number {
    const isIdle = this.#send.timerAt === NEVER && this.#timeWaitUntil === NEVER && this.#isConfirmed;
    return isIdle ? this.#keepAlive.at : NEVER;
  }

  /** The peer's SYN. */
  #meet(syn: TcpSegment, now: number): Agreement {
    const agreed = agree(this.#endpoint.settings, syn.options);
    this.#agreed = agreed;
    this.#receive = new ReceiveHalf(this.#endpoint, syn.sequenceNumber);
    this.#receive.agree(agreed);
    this.#receive.advertiseUnscaled();
    this.#send.limitSegments(agreed.segmentSize);
    if (syn.options.timestamps) this.#receive.noteTimestamp(syn.options.timestamps, 0, now);
    return agreed;
  }

  /** RFC 9293, 3.10.7.3. */
  #receiveInSynSent(segment: TcpSegment, now: number): void {
    const { flags } = segment;
    const ack = this.#ackOffset(segment);
    const answers = (flags & ACK) !== 0 && ack > 0 && ack <= this.#send.nxt;
    if (flags & ACK && !answers) return this.#answerStray(segment);
    if (flags & RST) return answers ? this.#close("refused") : undefined;
    if (!(flags & SYN)) return;
    const agreed = this.#meet(segment, now);
    this.#keepAlive.heard(now);
    if (answers) {
      this.#send.acknowledge(this.#acknowledgment(segment, 0, ack, { ...agreed, sendScale: 0 }, now), now);
      this.#acks.demand();
    } else this.#synDue = true;
    this.#state = !answers ? "SYN-RECEIVED" : this.#send.isFinishing ? "FIN-WAIT-1" : "ESTABLISHED";
  }

  /** The peer takes us for a connection of before; a reset makes it forget that one, and our SYN comes again. */
  #answerStray(segment: TcpSegment): void {
    const reset = resetFor(segment);
    if (reset) this.#reset = { ...reset, payload: NONE, payloadLength: 0, maximumSegmentSize: 0 };
  }

  #ackOffset({ flags, acknowledgmentNumber }: TcpSegment): number {
    const { una } = this.#send;
    return flags & ACK ? offsetNear(this.#endpoint.initialSequenceNumber, acknowledgmentNumber, una) : una;
  }

  #check(segment: TcpSegment, from: number, ack: number, receive: ReceiveHalf, now: number): Verdict {
    const { timestamps } = segment.options;
    return checkSegment(segment, {
      from,
      ack,
      nxt: receive.nxt,
      edge: receive.edge,
      una: this.#send.una,
      sent: this.#send.nxt,
      largestWindow: this.#send.largestWindow,
      isTimely: !this.#agreed?.timestamps || (timestamps !== undefined && receive.isTimely(timestamps, now)),
      isEstablished: this.#state !== "SYN-RECEIVED",
    });
  }

  #answer(verdict: Exclude<Verdict, "accept">, segment: TcpSegment, now: number): void {
    if (verdict === "reset") this.#close(this.#state === "TIME-WAIT" ? "finished" : "reset");
    else if (verdict === "repeat") this.#synDue = true;
    else if (verdict === "acknowledge") this.#acks.demand();
    else if (verdict === "challenge") this.#challenge(now);
    // Our last acknowledgment was lost: the time starts over, RFC 9293, 3.10.7.4.
    if (this.#state === "TIME-WAIT" && verdict === "acknowledge" && segment.flags & FIN) this.#enterTimeWait(now);
  }

  #challenge(now: number): void {
    this.#challenges ??= new ChallengeLimit();
    if (this.#challenges.allows(now)) this.#acks.demand();
  }

  #acknowledgment(segment: TcpSegment, from: number, ack: number, agreed: Agreement, now: number): Acknowledgment {
    const { options, flags, payload, window } = segment;
    return {
      ack,
      from,
      window: window * 2 ** agreed.sendScale,
      bare: payload.length === 0 && !(flags & (FIN | SYN)),
      sacks: agreed.sack && options.sackBlocks ? this.#sacks(options.sackBlocks) : NONE,
      roundTrip:
        agreed.timestamps && options.timestamps ? this.#roundTrip(options.timestamps.echoReply, now) : undefined,
    };
  }

  #sacks(blocks: NonNullable<TcpOptions["sackBlocks"]>): Acknowledgment["sacks"] {
    const { initialSequenceNumber } = this.#endpoint;
    const { una } = this.#send;
    return blocks.map(([left, right]) => ({
      from: offsetNear(initialSequenceNumber, left, una),
      to: offsetNear(initialSequenceNumber, right, una),
    }));
  }

  #roundTrip(echoReply: number, now: number): number | undefined {
    const roundTrip = (timestampsAt(this.#endpoint, undefined, now).value - echoReply) | 0;
    return roundTrip >= 0 && roundTrip <= LONGEST_ROUND_TRIP ? roundTrip : undefined;
  }

  #advanceState(now: number): void {
    if (this.#state === "SYN-RECEIVED") this.#state = this.#send.isFinishing ? "FIN-WAIT-1" : "ESTABLISHED";
    if (!this.#send.isFinished) return;
    if (this.#state === "FIN-WAIT-1") this.#state = "FIN-WAIT-2";
    else if (this.#state === "CLOSING") this.#enterTimeWait(now);
    else if (this.#state === "LAST-ACK") this.#close("finished");
  }

  #takePayload({ payload, flags }: TcpSegment, from: number, receive: ReceiveHalf, now: number): void {
    if (this.#state === "CLOSED") return;
    const expected = receive.receive(from, payload, (flags & FIN) !== 0);
    if (!expected || flags & FIN || receive.isComplete) this.#acks.demand();
    else this.#acks.received(payload.length, receive.segmentSize, (flags & PSH) !== 0, now);
    if (receive.isComplete) this.#peerFinished(now);
  }

  #peerFinished(now: number): void {
    if (this.#state === "ESTABLISHED") this.#state = "CLOSE-WAIT";
    else if (this.#state === "FIN-WAIT-1") this.#state = "CLOSING";
    else if (this.#state === "FIN-WAIT-2") this.#enterTimeWait(now);
  }

  #enterTimeWait(now: number): void {
    this.#state = "TIME-WAIT";
    this.#timeWaitUntil = now + this.#endpoint.settings.timeWait;
  }

  #expire(now: number): void {
    if (this.#timeWaitUntil <= now) return this.#close("finished");
    if (this.#send.timerAt <= now) this.#expireSend(now);
    else if (this.#keepAliveAt <= now) this.#probe(this.#keepAlive.expire());
  }

  #expireSend(now: number): void {
    const outcome = this.#send.expire(now);
    if (outcome !== "retransmit") this.#probe(outcome);
    else if (this.#send.una === 0) this.#synDue = true;
  }

  #probe(outcome: "probe" | "give up"): void {
    this.#probeDue = true;
    if (outcome === "probe") return;
    if (this.#state !== "SYN-SENT") this.#sendReset();
    this.#close("timeout");
  }

  #emitSyn(now: number): OutgoingSegment {
    this.#synDue = false;
    const receive = this.#receive;
    const { settings } = this.#endpoint;
    const options = synOptions(settings, this.#agreed, timestampsAt(this.#endpoint, receive, now));
    const window = receive ? receive.advertiseUnscaled() : Math.min(settings.receiveLimit, 0xffff);
    this.#send.sentSyn(now);
    this.#acks.sent(true, now);
    return outgoingSegment(this.#endpoint, receive, { from: 0, flags: SYN, window, options });
  }

  #emit(receive: ReceiveHalf, agreed: Agreement, now: number): OutgoingSegment | undefined {
    const options = segmentOptions(this.#endpoint, receive, agreed, now);
    const length = optionLength(options);
    const chunk = this.#state === "SYN-RECEIVED" ? undefined : this.#send.next(length, now);
    if (chunk) return this.#emitChunk(chunk, options, agreed.segmentSize - length, receive, now);
    if (!this.#probeDue && !this.#acks.isDue(now)) return undefined;
    // A number that was acknowledged before is not acceptable, so the peer answers: RFC 9293, 3.8.4. Linux probes windows so, too.
    const from = this.#send.nxt - (this.#probeDue ? 1 : 0);
    this.#probeDue = false;
    this.#acks.sent(true, now);
    return outgoingSegment(this.#endpoint, receive, { from, flags: ACK, window: receive.advertise(), options });
  }

  #emitChunk(
    { from, length, fin }: Chunk,
    options: TcpOptions,
    maximumSegmentSize: number,
    receive: ReceiveHalf,
    now: number,
  ): OutgoingSegment {
    const { queue } = this.#send;
    const pushed = length > 0 && from + length === queue.end;
    const payload = length > 0 ? queue.slices(from, from + length) : NONE;
    const flags = ACK | (pushed ? PSH : 0) | (fin ? FIN : 0);
    const window = receive.advertise();
    this.#acks.sent(length === 0, now);
    const content = { from, flags, window, options, payload, payloadLength: length, maximumSegmentSize };
    return outgoingSegment(this.#endpoint, receive, content);
  }

  #sendReset(): void {
    const { nxt } = this.#send;
    this.#reset = outgoingSegment(this.#endpoint, this.#receive, { from: nxt, flags: RST, window: 0, options: {} });
  }

  #takeReset(): OutgoingSegment | undefined {
    const reset = this.#reset;
    this.#reset = undefined;
    return reset;
  }

  /** What the peer sent before its FIN stays to be read. */
  #close(reason: CloseReason): void {
    this.#state = "CLOSED";
    this.#closeReason = reason;
    this.#timeWaitUntil = NEVER;
    this.#send.clear();
    if (reason !== "finished") this.#receive?.clear();
  }
}
