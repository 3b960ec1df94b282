// What leaves next, and what goes with it: a reset before all else, then a SYN, bytes with the acknowledgment on them, and last an
// acknowledgment alone. It decides nothing about the connection; that tells it what is due.
import { TCP_FLAG, type TcpOptions, type TcpSegment } from "../wire/tcp.ts";
import { AckSchedule } from "./ack_schedule.ts";
import { type Agreement, synOptions } from "./handshake.ts";
import {
  type OutgoingSegment,
  outgoingSegment,
  segmentOptionLength,
  segmentOptions,
  timestampsAt,
} from "./outgoing_segment.ts";
import type { ReceiveHalf } from "./receive_half.ts";
import { resetFor } from "./reset_for.ts";
import type { Chunk, SendHalf } from "./send_half.ts";
import type { TcpEndpoint } from "./tcp_settings.ts";

const { FIN, SYN, RST, PSH, ACK } = TCP_FLAG;
const NO_PAYLOAD: readonly Uint8Array[] = [];

export class Transmitter {
  readonly acks = new AckSchedule();
  readonly #endpoint: TcpEndpoint;
  readonly #send: SendHalf;
  #reset: OutgoingSegment | undefined;
  #synDue = false;
  #probeDue = false;

  constructor(endpoint: TcpEndpoint, send: SendHalf) {
    this.#endpoint = endpoint;
    this.#send = send;
  }

  get isResetDue(): boolean {
    return this.#reset !== undefined;
  }

  get isSynDue(): boolean {
    return this.#synDue;
  }

  demandSyn(): void {
    this.#synDue = true;
  }

  demandProbe(): void {
    this.#probeDue = true;
  }

  /** With where both streams are now. */
  demandReset(receive: ReceiveHalf | undefined): void {
    const { nxt } = this.#send;
    this.#reset = outgoingSegment(this.#endpoint, receive, { from: nxt, flags: RST, window: 0, options: {} });
  }

  /** Of a connection that the peer takes us for. */
  resetStray(segment: TcpSegment): void {
    const reset = resetFor(segment);
    if (reset) this.#reset = { ...reset, payload: NO_PAYLOAD, payloadLength: 0, maximumSegmentSize: 0 };
  }

  takeReset(): OutgoingSegment | undefined {
    const reset = this.#reset;
    this.#reset = undefined;
    return reset;
  }

  syn(receive: ReceiveHalf | undefined, agreed: Agreement | undefined, now: number): OutgoingSegment {
    this.#synDue = false;
    const { settings } = this.#endpoint;
    const options = synOptions(settings, agreed, timestampsAt(this.#endpoint, receive, now));
    const window = receive ? receive.advertiseUnscaled() : Math.min(settings.receiveLimit, 0xffff);
    this.#send.sentSyn(now);
    this.acks.sent(true, now);
    return outgoingSegment(this.#endpoint, receive, { from: 0, flags: SYN, window, options });
  }

  /** Bytes only if `mayCarry`: not before the handshake is done. */
  next(receive: ReceiveHalf, agreed: Agreement, mayCarry: boolean, now: number): OutgoingSegment | undefined {
    const length = segmentOptionLength(receive, agreed);
    const chunk = mayCarry ? this.#send.next(length, now) : undefined;
    if (!chunk && !this.#probeDue && !this.acks.isDue(now)) return undefined;
    const options = segmentOptions(this.#endpoint, receive, agreed, now);
    if (chunk) return this.#carry(chunk, options, agreed.segmentSize - length, receive, now);
    return this.#acknowledge(options, receive, now);
  }

  #carry(
    { from, length, fin }: Chunk,
    options: TcpOptions,
    maximumSegmentSize: number,
    receive: ReceiveHalf,
    now: number,
  ): OutgoingSegment {
    const { queue } = this.#send;
    const pushed = length > 0 && from + length === queue.end;
    const payload = length > 0 ? queue.slices(from, from + length) : NO_PAYLOAD;
    const flags = ACK | (pushed ? PSH : 0) | (fin ? FIN : 0);
    const window = receive.advertise();
    this.acks.sent(length === 0, now);
    const content = { from, flags, window, options, payload, payloadLength: length, maximumSegmentSize };
    return outgoingSegment(this.#endpoint, receive, content);
  }

  /** A number that was acknowledged before is not acceptable, so the peer answers: RFC 9293, 3.8.4. Linux probes windows so, too. */
  #acknowledge(options: TcpOptions, receive: ReceiveHalf, now: number): OutgoingSegment {
    const from = this.#send.nxt - (this.#probeDue ? 1 : 0);
    this.#probeDue = false;
    this.acks.sent(true, now);
    return outgoingSegment(this.#endpoint, receive, { from, flags: ACK, window: receive.advertise(), options });
  }
}
