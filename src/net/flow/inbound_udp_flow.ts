// One UDP conversation that a client of a published port has begun. The host's socket is the port's own, which many clients share: an
// answer of the sandbox's is sent to the client's address.
//
//   new       datagrams came in; the sandbox has answered none: forgotten after {@link UNREPLIED} ms
//   replied   set by the sandbox's first answer: forgotten after {@link REPLIED} ms without a datagram in either direction
//   closed    set by the table: by time, when the table is full, when the sandbox ends
import { ERRNO } from "../../../ffi/errno.ts";
import type { Address, Endpoint } from "../../../ffi/sockaddr.ts";
import type { UdpListener } from "../outbound/udp_listener.ts";
import type { FlowHost } from "./flow_host.ts";
import type { Timed } from "./timers.ts";
import { REPLIED, type UdpConversation, type UdpEnds, type UdpEvents, UNREPLIED } from "./udp_flow.ts";

export class InboundUdpFlow implements Timed, UdpConversation {
  /** `remote` is the client as the sandbox sees it. */
  readonly ends: UdpEnds;
  readonly client: Endpoint;
  readonly #host: FlowHost;
  readonly #events: UdpEvents<InboundUdpFlow>;
  readonly #listener: UdpListener;
  readonly #largest: number;
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
    this.#largest = options.largest;
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

  /** To the client. A datagram may be lost: EAGAIN is that. */
  send(payload: Uint8Array, now: number): void {
    this.#used = now;
    this.#replied = true;
    const result = this.#listener.send(payload, this.client, this.#asked);
    if (result >= 0) this.bytesOut += result;
    else if (result !== -ERRNO.EAGAIN) this.#events.refused(this, -result);
  }

  /** To the sandbox. `asked`: the address of the host's that the client sent it to, which answers are to come from. */
  deliver(payload: Uint8Array, asked: Address | undefined, now: number): void {
    this.#used = now;
    this.#asked = asked;
    this.bytesIn += payload.length;
    if (payload.length > this.#largest) return this.#events.large(this, payload);
    const { remote, local, remotePort, localPort } = this.ends;
    const route = { source: remote, destination: local };
    this.#host.writer.udp(route, { sourcePort: remotePort, destinationPort: localPort }, payload);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.timers.remove(this);
    this.#events.closed(this);
  }
}
