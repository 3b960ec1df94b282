// One UDP conversation of the sandbox: a port of its own and one remote endpoint, and a host socket that is connected to that endpoint,
// so that nobody else's datagrams come in and errors of the way come back (udp(7)).
//
//   new       a datagram went out; nothing has come back: forgotten after {@link UNREPLIED} ms
//   replied   set by the first datagram from the host: forgotten after {@link REPLIED} ms without one in either direction
//   closed    set by the stack: by time, when the table is full, when the sandbox ends
import { ERRNO } from "../../../ffi/errno.ts";
import type { PinnedBuffer } from "../../../ffi/pinned_buffer.ts";
import type { DatagramSocket } from "../outbound/datagram_socket.ts";
import { connectUdp } from "../outbound/udp_socket.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import type { FlowHost } from "./flow_host.ts";
import type { Route } from "./frame_writer.ts";
import type { Ready } from "./reactor.ts";
import type { Timed } from "./timers.ts";

/** RFC 4787 section 4.3 asks for two minutes and allows less before a reply; Linux's conntrack has 30 s and 120 s. */
export const UNREPLIED = 30_000;
export const REPLIED = 120_000;
/** In one round, so that one flood does not keep the others waiting. */
const MOST_AT_ONCE = 64;

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
  /** A datagram of the sandbox's. */
  send(payload: Uint8Array, now: number): void;
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

export class UdpFlow implements Timed, Ready, UdpConversation {
  readonly ends: UdpEnds;
  readonly #host: FlowHost;
  readonly #events: UdpFlowEvents;
  readonly #route: Route;
  readonly #largest: number;
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
    this.#largest = io.largest;
    this.#route = { source: ends.remote, destination: ends.local };
    this.#socket = socket;
    this.#token = host.reactor.add(socket.fd, this);
    this.#used = now;
    this.began = now;
    host.timers.update(this);
  }

  /** A flow, or the positive errno that its socket was refused with. */
  static open(host: FlowHost, ends: UdpEnds, events: UdpFlowEvents, io: UdpIo, now: number): UdpFlow | number {
    const opened = connectUdp({ address: ends.target, port: ends.remotePort }, io.buffer);
    return opened.kind === "open" ? new UdpFlow(host, ends, events, io, opened.socket, now) : opened.errno;
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

  /** To the host. A datagram may be lost: EAGAIN is that. */
  send(payload: Uint8Array, now: number): void {
    this.#used = now;
    const result = this.#socket.send(payload);
    if (result >= 0) this.bytesOut += result;
    else if (result !== -ERRNO.EAGAIN) this.#failed(-result);
  }

  ready(_events: number, now: number): void {
    const drained = this.#socket.receive(MOST_AT_ONCE, (payload) => this.#deliver(payload, now));
    if (drained.kind === "failed") this.#failed(drained.errno);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.timers.remove(this);
    this.#host.reactor.remove(this.#socket.fd, this.#token);
    this.#socket.close();
    this.#events.closed(this);
  }

  #failed(errno: number): void {
    if (errno === ERRNO.EMSGSIZE) this.#events.tooBig(this, this.#socket.pathMtu);
    else this.#events.refused(this, errno);
  }

  #deliver(payload: Uint8Array, now: number): void {
    this.#used = now;
    this.#replied = true;
    this.bytesIn += payload.length;
    if (payload.length > this.#largest) return this.#events.large(this, payload);
    const { remotePort, localPort } = this.ends;
    this.#host.writer.udp(this.#route, { sourcePort: remotePort, destinationPort: localPort }, payload);
  }
}

export type UdpIo = {
  /** Shared by all flows: holds one datagram while it is passed on. */
  readonly buffer: PinnedBuffer;
  /** Payload bytes of a datagram that needs no fragments. */
  readonly largest: number;
};
