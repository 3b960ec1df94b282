// Our end of one TCP connection, RFC 9293; the other is a kernel in a sandbox. It does nothing by itself: segments are given to it, and
// after each call the owner polls until nothing more is to be sent, and again when `pollAt` comes. Time is the owner's, in
// milliseconds. Bytes of the peer go to `deliver` as they come; what it does not take waits to be read, and closes the window.
// The states, and who may change them, are at the top of tcp_state.ts.
import { TCP_FLAG, type TcpSegment } from "../wire/tcp.ts";
import { acknowledgmentOf } from "./acknowledgment.ts";
import { ChallengeLimit } from "./challenge_limit.ts";
import { type Agreement, agree } from "./handshake.ts";
import { KeepAliveTimer } from "./keep_alive.ts";
import { type OutgoingSegment, TIMESTAMPS_LENGTH } from "./outgoing_segment.ts";
import { ReceiveHalf } from "./receive_half.ts";
import { checkSegment, type Verdict } from "./segment_check.ts";
import { SendHalf } from "./send_half.ts";
import { isEarlier, offsetNear } from "./sequence.ts";
import type { TcpEndpoint } from "./tcp_settings.ts";
import { type CloseReason, ON_FIN_ACKNOWLEDGED, ON_FIN_RECEIVED, ON_FINISH, type TcpState } from "./tcp_state.ts";
import { Transmitter } from "./transmitter.ts";

const { FIN, SYN, RST, PSH, ACK } = TCP_FLAG;
const NEVER = Number.POSITIVE_INFINITY;
const NONE: readonly never[] = [];
export class TcpConnection {
  readonly #endpoint: TcpEndpoint;
  readonly #send: SendHalf;
  readonly #out: Transmitter;
  readonly #keepAlive: KeepAliveTimer;
  /** These two come with the peer's SYN. */
  #receive: ReceiveHalf | undefined;
  #agreed: Agreement | undefined;
  #challenges: ChallengeLimit | undefined;
  #state: TcpState;
  #closeReason: CloseReason | undefined;
  #isConfirmed: boolean;
  #timeWaitUntil = NEVER;

  private constructor(endpoint: TcpEndpoint, state: "SYN-SENT" | "SYN-RECEIVED", now: number) {
    this.#endpoint = endpoint;
    this.#state = state;
    this.#isConfirmed = state === "SYN-SENT";
    this.#send = new SendHalf(endpoint.settings);
    this.#out = new Transmitter(endpoint, this.#send);
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
    connection.#out.demandSyn();
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
    return this.#state === "CLOSED" && !this.#out.isResetDue;
  }

  /** The peer's FIN and everything before it has come and was taken by the host. */
  get isReceiveFinished(): boolean {
    return this.#receive?.isComplete === true && this.#receive.queue.length === 0;
  }

  /** The peer's FIN and everything before it has come; bytes may be left to be read. */
  get hasPeerFinished(): boolean {
    return this.#receive?.isComplete === true;
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

  /** Payload of the largest segment to send, in whole ones of the link's; 0 before the handshake. */
  get burstLength(): number {
    return this.#agreed ? this.#send.burstLength(this.#agreed.timestamps ? TIMESTAMPS_LENGTH : 0) : 0;
  }

  /** When to poll though nothing has happened. */
  get pollAt(): number | undefined {
    if (this.#state === "CLOSED") return undefined;
    const at = Math.min(this.#send.timerAt, this.#out.acks.at, this.#timeWaitUntil, this.#keepAliveAt);
    return at === NEVER ? undefined : at;
  }

  /** The host's connect succeeded. */
  confirm(): void {
    if (this.#state !== "SYN-RECEIVED" || this.#isConfirmed) return;
    this.#isConfirmed = true;
    this.#out.demandSyn();
  }

  /** It did not: the peer's connect is refused. */
  refuse(): void {
    if (this.#state !== "SYN-RECEIVED" || this.#isConfirmed) return;
    this.#out.demandReset(this.#receive);
    this.#close("refused");
  }

  /** FIN, behind all that is queued. */
  finish(): void {
    if (this.#state === "CLOSED" || this.#send.isFinishing) return;
    this.#send.finish();
    this.#state = ON_FINISH[this.#state] ?? this.#state;
  }

  /** Reset, without regard to what is queued. A SYN that was not answered is not followed by one. */
  abort(): void {
    if (this.#state === "CLOSED") return;
    if (this.#state !== "SYN-SENT" && this.#state !== "TIME-WAIT") this.#out.demandReset(this.#receive);
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
    if (this.#state !== "CLOSED" && this.#receive.isWindowUpdateDue) this.#out.acks.demand();
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
    this.#send.acknowledge(acknowledgmentOf(this.#endpoint, this.#agreed, segment, { from, ack }, now), now);
    if (this.#state === "SYN-RECEIVED") this.#establish();
    if (this.#send.isFinished) this.#move(ON_FIN_ACKNOWLEDGED, now);
    if (segment.payload.length > 0 || segment.flags & FIN) this.#takePayload(segment, from, this.#receive, now);
  }

  /** The next segment to be sent now. To be called until there is none. */
  poll(now: number): OutgoingSegment | undefined {
    if (this.#isConfirmed && this.#state !== "CLOSED") this.#expire(now);
    if (this.#out.isResetDue) return this.#out.takeReset();
    if (this.#state === "CLOSED" || !this.#isConfirmed) return undefined;
    if (this.#out.isSynDue) return this.#out.syn(this.#receive, this.#agreed, now);
    if (!this.#receive || !this.#agreed) return undefined;
    return this.#out.next(this.#receive, this.#agreed, this.#state !== "SYN-RECEIVED", now);
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
    // The peer takes us for a connection of before; a reset makes it forget that one, and our SYN comes again.
    if (flags & ACK && !answers) return this.#out.resetStray(segment);
    if (flags & RST) return answers ? this.#close("refused") : undefined;
    if (!(flags & SYN)) return;
    const agreed = this.#meet(segment, now);
    this.#keepAlive.heard(now);
    if (answers) {
      this.#send.acknowledge(acknowledgmentOf(this.#endpoint, agreed, segment, { from: 0, ack }, now), now);
      this.#establish();
      return this.#out.acks.demand();
    }
    this.#state = "SYN-RECEIVED";
    this.#out.demandSyn();
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
    else if (verdict === "repeat") this.#out.demandSyn();
    else if (verdict === "acknowledge") this.#out.acks.demand();
    else if (verdict === "challenge") this.#challenge(now);
    // Our last acknowledgment was lost: the time starts over, RFC 9293, 3.10.7.4.
    if (this.#state === "TIME-WAIT" && verdict === "acknowledge" && segment.flags & FIN) this.#enterTimeWait(now);
  }

  #challenge(now: number): void {
    this.#challenges ??= new ChallengeLimit();
    if (this.#challenges.allows(now)) this.#out.acks.demand();
  }

  #establish(): void {
    this.#state = this.#send.isFinishing ? "FIN-WAIT-1" : "ESTABLISHED";
  }

  #move(moves: typeof ON_FINISH, now: number): void {
    const next = moves[this.#state];
    if (next === "CLOSED") this.#close("finished");
    else if (next === "TIME-WAIT") this.#enterTimeWait(now);
    else if (next) this.#state = next;
  }

  #takePayload({ payload, flags }: TcpSegment, from: number, receive: ReceiveHalf, now: number): void {
    if (this.#state === "CLOSED") return;
    const expected = receive.receive(from, payload, (flags & FIN) !== 0);
    if (!expected || flags & FIN || receive.isComplete) this.#out.acks.demand();
    else this.#out.acks.received(payload.length, receive.acknowledgedSize, (flags & PSH) !== 0, now);
    if (receive.isComplete) this.#move(ON_FIN_RECEIVED, now);
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
    else if (this.#send.una === 0) this.#out.demandSyn();
  }

  #probe(outcome: "probe" | "give up"): void {
    this.#out.demandProbe();
    if (outcome === "probe") return;
    if (this.#state !== "SYN-SENT") this.#out.demandReset(this.#receive);
    this.#close("timeout");
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
