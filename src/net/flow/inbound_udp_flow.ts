// One UDP conversation that a client of a published port has begun. The host's socket is the port's own, which many clients share: an
// answer of the sandbox's is sent to the client's address.
//
//   new       datagrams came in; the sandbox has answered none: forgotten after {@link UNREPLIED} ms
//   replied   set by the sandbox's first answer: forgotten after {@link REPLIED} ms without a datagram in either direction
//   closed    set by the table: by time, when the table is full, when the sandbox ends
import type { Address, Endpoint } from "../../../ffi/sockaddr.ts";
import type { UdpListener } from "../outbound/udp_listener.ts";
import type { UdpHeader } from "../wire/udp.ts";
import type { FlowHost, Pumped } from "./flow_host.ts";
import type { Route } from "./frame_writer.ts";
import type { DatagramTaker, IncomingDatagrams } from "./incoming_datagrams.ts";
import { type DatagramSender, OutgoingDatagrams } from "./outgoing_datagrams.ts";
import type { Timed } from "./timers.ts";
import { REPLIED, type UdpConversation, type UdpEnds, type UdpEvents, UNREPLIED } from "./udp_flow.ts";

export class InboundUdpFlow implements Timed, Pumped, UdpConversation, DatagramSender, DatagramTaker {
  /** `remote` is the client as the sandbox sees it. */
  readonly ends: UdpEnds;
  readonly route: Route;
  readonly ports: UdpHeader;
  readonly largest: number;
  readonly client: Endpoint;
  readonly #host: FlowHost;
  readonly #events: UdpEvents<InboundUdpFlow>;
  readonly #listener: UdpListener;
  readonly #incoming: IncomingDatagrams;
  readonly #outgoing: OutgoingDatagrams;
  #asked: Address | undefined;
  #replied = false;
  #used: number;
  #closed = false;
  readonly began: number;
  bytesOut = 0;
  bytesIn = 0;

  constructor(options: {
    readonly host: FlowHost;
    readonly events: UdpEvents<InboundUdpFlow>;
    readonly listener: UdpListener;
    readonly incoming: IncomingDatagrams;
    readonly client: Endpoint;
    readonly ends: UdpEnds;
    /** Payload bytes of a datagram that needs no fragments. */
    readonly largest: number;
    readonly now: number;
  }) {
    this.#host = options.host;
    this.#events = options.events;
    this.#listener = options.listener;
    this.client = options.client;
    this.ends = options.ends;
    this.route = { source: this.ends.remote, destination: this.ends.local };
    this.ports = { sourcePort: this.ends.remotePort, destinationPort: this.ends.localPort };
    this.largest = options.largest;
    this.#incoming = options.incoming;
    this.#outgoing = new OutgoingDatagrams(this, options.host.pool);
    this.#used = options.now;
    this.began = options.now;
    this.#host.timers.update(this);
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

  /** To the client. */
  send(payload: Uint8Array, now: number, segmentSize = 0): void {
    this.#used = now;
    this.#replied = true;
    if (segmentSize > 0) this.#outgoing.addSegments(payload, segmentSize);
    else if (this.#outgoing.add(payload)) this.#host.schedule(this);
  }

  pump(): void {
    this.#outgoing.flush();
  }

  /** To the sandbox. `asked`: the address of the host's that the client sent it to, which answers are to come from. */
  deliver(payload: Uint8Array, segmentSize: number, asked: Address | undefined, now: number): void {
    this.#used = now;
    this.#asked = asked;
    this.bytesIn += payload.length;
    this.#incoming.add(this, payload, segmentSize);
  }

  transmit(datagrams: Uint8Array, segmentSize: number): number {
    const result = this.#listener.send(datagrams, { to: this.client, from: this.#asked }, segmentSize);
    if (result > 0) this.bytesOut += result;
    return result;
  }

  failed(errno: number): void {
    this.#events.refused(this, errno);
  }

  large(datagram: Uint8Array): void {
    this.#events.large(this, datagram);
  }

  /** Of a socket that is not connected the kernel does not tell. */
  get largestWhole(): number {
    return Number.POSITIVE_INFINITY;
  }

  close(): void {
    if (this.#closed) return;
    this.#outgoing.flush();
    this.#closed = true;
    this.#host.timers.remove(this);
    this.#events.closed(this);
  }
}
