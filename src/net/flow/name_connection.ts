// A TCP connection of the sandbox to its name server: there is no socket behind it, the answers come from the name service (RFC 7766).
import { frameMessage, MessageReader } from "../dns/tcp_framing.ts";
import type { TcpConnection } from "../tcp/tcp_connection.ts";
import type { TcpSegment } from "../wire/tcp.ts";
import type { FlowHost, Pumped } from "./flow_host.ts";
import type { Route } from "./frame_writer.ts";
import type { NameService } from "./name_service.ts";
import type { TcpPorts } from "./tcp_flow.ts";
import type { Timed } from "./timers.ts";

/** What may wait for a client that does not read its answers: then it is reset. */
const MOST_WAITING = 1 << 18;

export class NameConnection implements Timed, Pumped {
  readonly connection: TcpConnection;
  readonly route: Route;
  readonly ports: TcpPorts;
  readonly isConnecting = false;
  readonly #host: FlowHost;
  readonly #service: NameService;
  readonly #closed: (flow: NameConnection) => void;
  readonly #reader = new MessageReader();
  #waiting: Uint8Array[] = [];
  #waitingLength = 0;
  #asked: Uint8Array[] = [];
  #isClosed = false;

  constructor(options: {
    readonly host: FlowHost;
    readonly service: NameService;
    readonly closed: (flow: NameConnection) => void;
    readonly route: Route;
    readonly ports: TcpPorts;
    readonly connection: (deliver: (bytes: Uint8Array) => number) => TcpConnection;
  }) {
    this.#host = options.host;
    this.#service = options.service;
    this.#closed = options.closed;
    this.route = options.route;
    this.ports = options.ports;
    this.connection = options.connection((bytes) => this.#take(bytes));
    this.connection.confirm();
    this.#host.schedule(this);
  }

  get deadline(): number | undefined {
    return this.connection.pollAt;
  }

  expire(): void {
    this.#host.schedule(this);
  }

  segment(segment: TcpSegment, now: number): void {
    this.connection.receive(segment, now);
    const asked = this.#asked;
    this.#asked = [];
    for (const message of asked) this.#service.query(message, (answer) => this.#answer(answer), "tcp", now);
    this.#host.schedule(this);
  }

  pump(now: number): void {
    if (this.#isClosed) return;
    this.#write();
    if (this.connection.isReceiveFinished && this.#waitingLength === 0) this.connection.finish();
    for (let burst = this.connection.poll(now); burst !== undefined; burst = this.connection.poll(now)) {
      const { payload, payloadLength, maximumSegmentSize } = burst;
      this.#host.writer.tcp(this.route, { header: burst, payload, payloadLength, maximumSegmentSize });
    }
    if (this.connection.isClosed) return this.drop();
    this.#host.timers.update(this);
  }

  drop(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#host.timers.remove(this);
    this.#closed(this);
  }

  #take(bytes: Uint8Array): number {
    this.#asked.push(...this.#reader.push(bytes));
    return bytes.length;
  }

  #answer(message: Uint8Array): void {
    if (this.#isClosed) return;
    this.#waiting.push(frameMessage(message));
    this.#waitingLength += message.length;
    if (this.#waitingLength > MOST_WAITING) this.connection.abort();
    this.#host.schedule(this);
  }

  #write(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      let done = 0;
      for (const space of this.connection.writable(first.length)) {
        const part = first.subarray(done, done + space.length);
        space.set(part);
        done += part.length;
      }
      this.connection.produce(done);
      this.#waitingLength = Math.max(0, this.#waitingLength - done);
      if (done < first.length) {
        this.#waiting[0] = first.subarray(done);
        return;
      }
      this.#waiting.shift();
    }
    this.#waitingLength = 0;
  }
}
