// One UDP conversation of the sandbox: a port of its own and one remote endpoint, and a host socket that is connected to that endpoint,
// so that nobody else's datagrams come in and errors of the way come back (udp(7)).
//
//   new       a datagram went out; nothing has come back: forgotten after {@link UNREPLIED} ms
//   replied   set by the first datagram from the host: forgotten after {@link REPLIED} ms without one in either direction
//   closed    set by the stack: by time, when the table is full, when the sandbox ends

import type { DatagramBatch } from "../../../ffi/datagram_batch.ts";
import type { DatagramMessage } from "../../../ffi/datagram_message.ts";
import { ERRNO } from "../../../ffi/errno.ts";
import type { DatagramSocket } from "../outbound/datagram_socket.ts";
import { connectUdp } from "../outbound/udp_socket.ts";
import { ipHeaderLength } from "../wire/ip.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { UDP_HEADER_LENGTH, type UdpHeader } from "../wire/udp.ts";
import type { FlowHost, Pumped } from "./flow_host.ts";
import type { Route } from "./frame_writer.ts";
import type { DatagramTaker, IncomingDatagrams } from "./incoming_datagrams.ts";
import { type DatagramSender, OutgoingDatagrams } from "./outgoing_datagrams.ts";
import type { Ready } from "./reactor.ts";
import type { Timed } from "./timers.ts";

/** RFC 4787 section 4.3 asks for two minutes and allows less before a reply; Linux's conntrack has 30 s and 120 s. */
export const UNREPLIED = 30_000;
export const REPLIED = 120_000;
/** In one round, so that one flood does not keep the others waiting; by one call. */
export const MOST_AT_ONCE = 32;

export type UdpEnds = {
  readonly local: IpAddress;
  readonly localPort: number;
  readonly remote: IpAddress;
  readonly remotePort: number;
  /** Where the host sends it: the remote address, or the host's own loopback in its place. */
  readonly target: IpAddress;
};

/** Whoever began it. */
export type UdpConversation = {
  readonly ends: UdpEnds;
  readonly lastUsed: number;
  /** A datagram of the sandbox's, or several of `segmentSize` bytes each, the last one of what is left. */
  send(payload: Uint8Array, now: number, segmentSize?: number): void;
  close(): void;
};

export type UdpEvents<Flow = UdpConversation> = {
  /** The way or the other end refused: a positive errno. */
  refused(flow: Flow, errno: number): void;
  /** A datagram that is larger than the sandbox's MTU. */
  large(flow: Flow, payload: Uint8Array): void;
  closed(flow: Flow): void;
};

export type UdpFlowEvents = UdpEvents & {
  /** A datagram was lost, for the way takes packets of `mtu` bytes at most. The host cuts further ones by itself. */
  tooBig(flow: UdpFlow, mtu: number): void;
};

export class UdpFlow implements Timed, Ready, Pumped, UdpConversation, DatagramSender, DatagramTaker {
  readonly ends: UdpEnds;
  readonly route: Route;
  readonly ports: UdpHeader;
  readonly largest: number;
  readonly #host: FlowHost;
  readonly #events: UdpFlowEvents;
  readonly #io: UdpIo;
  readonly #outgoing: OutgoingDatagrams;
  readonly #socket: DatagramSocket;
  readonly #token: number;
  #replied = false;
  #used: number;
  #closed = false;
  readonly began: number;
  bytesOut = 0;
  bytesIn = 0;

  private constructor(
    host: FlowHost,
    ends: UdpEnds,
    events: UdpFlowEvents,
    io: UdpIo,
    socket: DatagramSocket,
    now: number,
  ) {
    this.#host = host;
    this.#events = events;
    this.ends = ends;
    this.#io = io;
    this.route = { source: ends.remote, destination: ends.local };
    this.ports = { sourcePort: ends.remotePort, destinationPort: ends.localPort };
    this.largest = io.largest;
    this.#outgoing = new OutgoingDatagrams(this, host.pool);
    this.#socket = socket;
    this.#token = host.reactor.add(socket.fd, this);
    this.#used = now;
    this.began = now;
    host.timers.update(this);
  }

  /** A flow, or the positive errno that its socket was refused with. */
  static open(host: FlowHost, ends: UdpEnds, events: UdpFlowEvents, io: UdpIo, now: number): UdpFlow | number {
    const opened = connectUdp({ address: ends.target, port: ends.remotePort }, io.batch);
    if (opened.kind !== "open") return opened.errno;
    opened.socket.acceptSegments();
    return new UdpFlow(host, ends, events, io, opened.socket, now);
  }

  get lastUsed(): number {
    return this.#used;
  }

  get deadline(): number | undefined {
    return this.#closed ? undefined : this.#used + (this.#replied ? REPLIED : UNREPLIED);
  }

  expire(): void {
    this.close();
  }

  send(payload: Uint8Array, now: number, segmentSize = 0): void {
    this.#used = now;
    if (segmentSize > 0) this.#outgoing.addSegments(payload, segmentSize);
    else if (this.#outgoing.add(payload)) this.#host.schedule(this);
  }

  pump(): void {
    this.#outgoing.flush();
  }

  ready(_events: number, now: number): void {
    const drained = this.#socket.receive(MOST_AT_ONCE, (payload, size) => this.#deliver(payload, size, now));
    this.#io.incoming.flush();
    if (drained.kind === "failed") this.failed(drained.errno);
  }

  transmit(datagrams: Uint8Array, segmentSize: number): number {
    const { message } = this.#io;
    const result =
      segmentSize === 0 ? this.#socket.send(datagrams) : this.#socket.sendSegments(message, datagrams, segmentSize);
    if (result > 0) this.bytesOut += result;
    return result;
  }

  failed(errno: number): void {
    if (errno === ERRNO.EMSGSIZE) this.#events.tooBig(this, this.#socket.pathMtu);
    else this.#events.refused(this, errno);
  }

  large(datagram: Uint8Array): void {
    this.#events.large(this, datagram);
  }

  get largestWhole(): number {
    return this.#socket.pathMtu - ipHeaderLength({ source: this.ends.target }) - UDP_HEADER_LENGTH;
  }

  close(): void {
    if (this.#closed) return;
    this.#outgoing.flush();
    this.#closed = true;
    this.#host.timers.remove(this);
    this.#host.reactor.remove(this.#socket.fd, this.#token);
    this.#socket.close();
    this.#events.closed(this);
  }

  #deliver(payload: Uint8Array, segmentSize: number, now: number): void {
    this.#used = now;
    this.#replied = true;
    this.bytesIn += payload.length;
    this.#io.incoming.add(this, payload, segmentSize);
  }
}

export type UdpIo = {
  /** Shared by all flows: hold datagrams while they are passed on. */
  readonly batch: DatagramBatch;
  readonly message: DatagramMessage;
  readonly incoming: IncomingDatagrams;
  /** Payload bytes of a datagram that needs no fragments. */
  readonly largest: number;
};
