// Echo requests of one identifier to one host, by an unprivileged ping socket (icmp(7)). The kernel puts an identifier of its own into
// what goes out and takes it out of what comes back, so the sandbox's is put in again here.

import type { DatagramBatch } from "../../../ffi/datagram_batch.ts";
import { ERRNO } from "../../../ffi/errno.ts";
import type { DatagramSocket } from "../outbound/datagram_socket.ts";
import { connectEcho } from "../outbound/echo_socket.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { get16, put16 } from "../wire/network_order.ts";
import type { FlowHost } from "./flow_host.ts";
import type { Ready } from "./reactor.ts";
import type { Timed } from "./timers.ts";

const IDLE = 10_000;
/** In one round. */
const MOST_AT_ONCE = 64;
/** Type, code, checksum, identifier, sequence number: the same in ICMP and ICMPv6 (RFC 792; RFC 4443 section 4.1). */
const [HEADER_LENGTH, IDENTIFIER_AT, SEQUENCE_AT] = [8, 4, 6];
const ECHO_REQUEST = { 4: 8, 6: 128 } as const;

export type EchoEnds = {
  readonly remote: IpAddress;
  readonly local: IpAddress;
  readonly target: IpAddress;
  readonly identifier: number;
};

export type EchoEvents = {
  replied(flow: EchoFlow, sequenceNumber: number, data: Uint8Array): void;
  refused(flow: EchoFlow, errno: number): void;
  closed(flow: EchoFlow): void;
};

export class EchoFlow implements Timed, Ready {
  readonly ends: EchoEnds;
  readonly #host: FlowHost;
  readonly #events: EchoEvents;
  readonly #socket: DatagramSocket;
  readonly #token: number;
  #used: number;
  readonly began: number;
  bytesOut = 0;
  bytesIn = 0;
  #closed = false;

  private constructor(host: FlowHost, ends: EchoEnds, events: EchoEvents, socket: DatagramSocket, now: number) {
    this.#host = host;
    this.#events = events;
    this.ends = ends;
    this.#socket = socket;
    this.#token = host.reactor.add(socket.fd, this);
    this.#used = now;
    this.began = now;
    host.timers.update(this);
  }

  /** A flow, or the positive errno that the socket was refused with: EACCES where net.ipv4.ping_group_range leaves the caller out. */
  static open(
    host: FlowHost,
    ends: EchoEnds,
    events: EchoEvents,
    batch: DatagramBatch,
    now: number,
  ): EchoFlow | number {
    const opened = connectEcho(ends.target, batch);
    return opened.kind === "open" ? new EchoFlow(host, ends, events, opened.socket, now) : opened.errno;
  }

  get deadline(): number | undefined {
    return this.#closed ? undefined : this.#used + IDLE;
  }

  expire(): void {
    this.close();
  }

  request(sequenceNumber: number, data: Uint8Array, now: number): void {
    this.#used = now;
    const message = new Uint8Array(HEADER_LENGTH + data.length);
    message[0] = ECHO_REQUEST[this.ends.target.family];
    put16(message, SEQUENCE_AT, sequenceNumber);
    put16(message, IDENTIFIER_AT, this.ends.identifier);
    message.set(data, HEADER_LENGTH);
    const result = this.#socket.send(message);
    if (result >= 0) this.bytesOut += data.length;
    else if (result !== -ERRNO.EAGAIN) this.#events.refused(this, -result);
  }

  ready(_events: number, now: number): void {
    const drained = this.#socket.receive(MOST_AT_ONCE, (message) => this.#deliver(message, now));
    if (drained.kind === "failed") this.#events.refused(this, drained.errno);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.timers.remove(this);
    this.#host.reactor.remove(this.#socket.fd, this.#token);
    this.#socket.close();
    this.#events.closed(this);
  }

  #deliver(message: Uint8Array, now: number): void {
    if (message.length < HEADER_LENGTH) return;
    this.#used = now;
    this.bytesIn += message.length - HEADER_LENGTH;
    this.#events.replied(this, get16(message, SEQUENCE_AT), message.subarray(HEADER_LENGTH));
  }
}
