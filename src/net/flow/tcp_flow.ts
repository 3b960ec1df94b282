// One TCP connection of the sandbox, and the host's connection that it is joined to: two connections, each with its own window, and
// what one does not take the other one's sender is not asked for.
//
//   connecting  the sandbox's SYN is here, the host's connect(2) under way; nothing has been answered
//   open        set when the host is connected: only now the sandbox gets its SYN|ACK. A client of a published port is connected
//               from the start; what it sends waits until the sandbox has accepted, and a refusal is the end of both
//   closed      set when the sandbox's side is over; the host's socket is closed at the latest then
//
// Half-closes pass through: the sandbox's FIN, once all before it is written, is shutdown(2); the host's end of stream is a FIN.
import { EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP } from "../../../ffi/epoll.ts";
import { ERRNO } from "../../../ffi/errno.ts";
import { rawSyscall } from "../../../ffi/libc.ts";
import { resetOnClose, send, setOption, shutdown, takeError } from "../../../ffi/socket.ts";
import type { IoVector } from "../../../ffi/vector_io.ts";
import type { FirstBytes, FirstBytesVerdict } from "../policy/first_bytes.ts";
import type { Denial } from "../policy/verdict.ts";
import type { TcpConnection } from "../tcp/tcp_connection.ts";
import type { TcpSegment } from "../wire/tcp.ts";
import type { FlowHost, Pumped } from "./flow_host.ts";
import type { Route } from "./frame_writer.ts";
import type { Ready } from "./reactor.ts";
import type { Timed } from "./timers.ts";

/** Segments of the largest kind that are read of the host's socket in one round of one flow, at most. */
const READ_AT_ONCE = 4;

const LARGEST_BURST = 65_495;
const [SECOND_SEND, NEVER_SENT] = [2, 0];

/** How long a client may take to show a name, from its first byte on, before what there is decides. In milliseconds. */
const NAME_DEADLINE = 10_000;

export type TcpEvents = {
  /** The first bytes did not show a name that the policy lets out; the flow has been reset. */
  denied(flow: TcpFlow, denial: Denial): void;
  /** The host's connect(2) has failed: a positive errno. The sandbox has not been answered yet. */
  unreachable(flow: TcpFlow, errno: number): void;
  closed(flow: TcpFlow): void;
};

export type TcpPorts = { readonly sandbox: number; readonly remote: number };

export class TcpFlow implements Timed, Ready, Pumped {
  readonly connection: TcpConnection;
  readonly route: Route;
  /** The sandbox's, and the one beyond. */
  readonly ports: TcpPorts;
  readonly #host: FlowHost;
  readonly #events: TcpEvents;
  readonly #vector: IoVector;
  #fd: number;
  readonly #token: number;
  #connecting: boolean;
  #readable = false;
  /** The end of stream, or an error, is among what there is to read. */
  #ending = false;
  #writable = false;
  #gate: FirstBytes | undefined;
  /** How many of the queued bytes the gate has seen, and when it has to decide. */
  #seen = 0;
  #decidesAt = Number.POSITIVE_INFINITY;
  #sentEnd = false;
  #closed = false;
  /** Calls to send so far; only of a socket that the sandbox's connection has made. */
  #sends = 0;
  readonly #promptFrom: number;
  readonly began: number;
  bytesOut = 0;
  bytesIn = 0;

  /** `fd`: a non-blocking socket, connected or (`connecting`) about to be. `connection` makes the sandbox's end. */
  constructor(options: {
    readonly host: FlowHost;
    readonly events: TcpEvents;
    readonly vector: IoVector;
    readonly route: Route;
    readonly ports: TcpPorts;
    readonly fd: number;
    readonly connecting: boolean;
    /** What the first bytes of the sandbox have to show before any of them goes to the host. */
    readonly gate?: FirstBytes | undefined;
    readonly connection: (deliver: (bytes: Uint8Array) => number) => TcpConnection;
  }) {
    this.#host = options.host;
    this.#events = options.events;
    this.#vector = options.vector;
    this.route = options.route;
    this.ports = options.ports;
    this.#fd = options.fd;
    this.began = options.host.now();
    this.#connecting = options.connecting;
    this.#writable = !options.connecting;
    // Nagle's algorithm keeps a small segment back only behind another one (RFC 9293, 3.7.4): the first send needs no option.
    this.#promptFrom = options.connecting ? SECOND_SEND : NEVER_SENT;
    this.#gate = options.gate;
    this.connection = options.connection((bytes) => this.#deliver(bytes));
    // Edge-triggered: what is ready is remembered here, and no system call changes what is waited for.
    this.#token = this.#host.reactor.add(this.#fd, this, EPOLLIN + EPOLLOUT + EPOLLRDHUP + EPOLLET);
  }

  get isConnecting(): boolean {
    return this.#connecting;
  }

  /** The host's end has not been told of the end of what the sandbox sends, and may be. */
  get isPassingOn(): boolean {
    return !this.#connecting && !this.#sentEnd && !this.#closed;
  }

  get deadline(): number | undefined {
    const at = Math.min(this.connection.pollAt ?? Number.POSITIVE_INFINITY, this.#decidesAt);
    return at === Number.POSITIVE_INFINITY ? undefined : at;
  }

  expire(): void {
    this.#host.schedule(this);
  }

  segment(segment: TcpSegment, now: number): void {
    this.connection.receive(segment, now);
    this.#host.schedule(this);
  }

  ready(events: number): void {
    if (this.#fd < 0) return;
    if (this.#connecting && !this.#isConnected(events)) return;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) this.#ending = true;
    if (events & EPOLLIN || this.#ending) this.#readable = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) this.#writable = true;
    this.#host.schedule(this);
  }

  /** Moves what can be moved, and sends what is due to the sandbox. */
  pump(now: number): void {
    if (this.#closed) return;
    if (!this.#connecting && this.#fd >= 0) {
      if (this.#gate !== undefined) this.#judge(this.#gate, now);
      this.#drain();
      this.#fill();
    }
    this.#emit(now);
    if (this.connection.isClosed) return this.#end();
    this.#host.timers.update(this);
  }

  /** Without a word to the sandbox: its namespace is gone, or its place is taken by a new connection. */
  drop(): void {
    // What has been passed on whole is the kernel's to deliver, which a reset would keep it from.
    if (this.#sentEnd) this.#closeSocket();
    this.#end();
  }

  /** True once it is; a failure has been told. */
  #isConnected(events: number): boolean {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) === 0) return false;
    // A connect that failed is an error condition of the socket's (epoll_ctl(2), EPOLLERR).
    const errno = events & (EPOLLERR | EPOLLHUP) ? takeError(this.#fd) : 0;
    if (errno !== 0) {
      this.#events.unreachable(this, errno);
      this.#host.schedule(this);
      return false;
    }
    this.#connecting = false;
    this.connection.confirm();
    return true;
  }

  /** Shows the gate what has come since the last time. */
  #judge(gate: FirstBytes, now: number): void {
    let at = 0;
    let verdict: FirstBytesVerdict = { kind: "need-more" };
    for (const slice of this.connection.readable()) {
      const fresh = slice.subarray(Math.max(0, this.#seen - at));
      at += slice.length;
      if (fresh.length > 0 && verdict.kind === "need-more") verdict = gate.push(fresh);
    }
    if (at > 0 && this.#seen === 0) this.#decidesAt = now + NAME_DEADLINE;
    this.#seen = Math.max(this.#seen, at);
    const isEnded = this.connection.hasPeerFinished || now >= this.#decidesAt;
    if (verdict.kind === "need-more" && isEnded) verdict = gate.giveUp();
    if (verdict.kind === "need-more") return;
    this.#gate = undefined;
    this.#decidesAt = Number.POSITIVE_INFINITY;
    if (verdict.kind === "allow") return;
    this.#events.denied(this, verdict);
    this.#broken();
  }

  /** In-order bytes of the sandbox, offered while nothing is queued before them. */
  #deliver(bytes: Uint8Array): number {
    if (this.#connecting || !this.#writable || this.#fd < 0 || this.#gate !== undefined) return 0;
    this.#countSend();
    const taken = send(this.#fd, bytes, bytes.length);
    if (taken < bytes.length) this.#writable = false;
    if (taken >= 0) {
      this.bytesOut += taken;
      return taken;
    }
    if (taken !== -ERRNO.EAGAIN) this.#readable = true;
    return 0;
  }

  #countSend(): void {
    if (++this.#sends === this.#promptFrom) setOption(this.#fd, "TCP_NODELAY", 1);
  }

  /** What is queued for the host; and the end of it. */
  #drain(): void {
    while (this.#writable && this.#gate === undefined) {
      const slices = this.connection.readable();
      if (slices.length === 0) break;
      this.#vector.clear();
      this.#vector.addAll(slices);
      const asked = this.#vector.length;
      this.#countSend();
      const taken = this.#vector.send(this.#fd);
      this.#vector.clear();
      if (taken < asked) this.#writable = false;
      if (taken === -ERRNO.EAGAIN) break;
      if (taken < 0) return this.#broken();
      this.bytesOut += taken;
      this.connection.consume(taken);
    }
    if (this.#sentEnd || this.#gate !== undefined || !this.connection.isReceiveFinished) return;
    this.#sentEnd = true;
    shutdown(this.#fd, "write");
  }

  /** What the host has sent, as far as the sandbox's end has room for it. */
  #fill(): void {
    // Not a byte more, which would be a frame of its own.
    const most = READ_AT_ONCE * (this.connection.burstLength || LARGEST_BURST);
    for (let read = 0; this.#readable && read < most && this.#fd >= 0; ) {
      const slices = this.connection.writable(most - read);
      if (slices.length === 0) {
        // With something under way an acknowledgment will tell; with nothing, for the pool is empty, nothing of this flow's would.
        const { writableLength, unacknowledgedLength } = this.connection;
        if (writableLength > 0 && unacknowledgedLength === 0) this.#host.starve(this);
        return;
      }
      this.#vector.clear();
      this.#vector.addAll(slices);
      const asked = this.#vector.length;
      const got = this.#vector.receive(this.#fd);
      this.#vector.clear();
      this.connection.produce(Math.max(0, got));
      if (got === -ERRNO.EAGAIN) this.#readable = false;
      else if (got < 0) return this.#broken();
      else if (got === 0) {
        this.#readable = false;
        this.#ending = false;
        this.connection.finish();
      } else {
        this.bytesIn += got;
        read += got;
        // A short read has emptied the socket (epoll(7), "Do I need to continuously read/write"): the next byte is a new edge.
        if (got < asked && !this.#ending) this.#readable = false;
      }
    }
    if (this.#readable) this.#host.schedule(this);
  }

  /** The host's connection has been reset, or its way is gone. */
  #broken(): void {
    this.#readable = false;
    this.#writable = false;
    this.connection.abort();
  }

  #emit(now: number): void {
    for (let burst = this.connection.poll(now); burst !== undefined; burst = this.connection.poll(now)) {
      const { payload, payloadLength, maximumSegmentSize } = burst;
      this.#host.writer.tcp(this.route, { header: burst, payload, payloadLength, maximumSegmentSize });
    }
    const isOver = this.connection.isReceiveFinished && this.connection.isSendFinished;
    // TIME-WAIT is the sandbox's side alone.
    if (isOver && this.#sentEnd) this.#closeSocket();
  }

  #closeSocket(): void {
    if (this.#fd < 0) return;
    this.#host.reactor.forget(this.#token);
    rawSyscall("close", this.#fd);
    this.#fd = -1;
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.timers.remove(this);
    // Not both ends were reached: the host's peer is not to take what it has got for all there was.
    if (this.#fd >= 0 && !this.#connecting) resetOnClose(this.#fd);
    this.#closeSocket();
    this.#events.closed(this);
  }
}
