// A UDP port of the host's that leads into a sandbox: datagrams from anyone, and answers to them.
import type { DatagramBatch } from "../../../ffi/datagram_batch.ts";
import { DatagramMessage, type DatagramWay } from "../../../ffi/datagram_message.ts";
import { ERRNO } from "../../../ffi/errno.ts";
import type { Fd } from "../../../ffi/fd.ts";
import type { Address, Endpoint } from "../../../ffi/sockaddr.ts";
import { localEndpoint, setOption } from "../../../ffi/socket.ts";
import { bindPort } from "./bind_port.ts";
import type { Drained } from "./datagram_socket.ts";
import type { Opened } from "./opened.ts";

const DRAINED: Drained = { kind: "drained" };
const MORE: Drained = { kind: "more" };

/** As DatagramSocket has it, with who sent it, and to which address of this host's where the socket is bound to all. */
export type Deliver = (datagram: Uint8Array, from: Endpoint, to: Address | undefined, segmentSize: number) => void;

export class UdpListener implements Disposable {
  readonly #fd: Fd;
  readonly #into: DatagramBatch;
  readonly #message = new DatagramMessage();

  /** Takes the descriptor over; `into` may be shared, as with DatagramSocket. */
  constructor(fd: Fd, into: DatagramBatch) {
    this.#fd = fd;
    this.#into = into;
  }

  get fd(): number {
    return this.#fd.number;
  }

  get local(): Endpoint {
    return localEndpoint(this.fd);
  }

  /** Hands on each datagram that waits, `limit` at most. A view is valid until the next call, or {@link DatagramBatch.capacity} more; the addresses for ever. */
  receive(limit: number, deliver: Deliver): Drained {
    const batch = this.#into;
    for (let left = limit; left > 0; ) {
      const asked = Math.min(left, batch.capacity);
      const count = batch.receive(this.fd, asked);
      if (count === -ERRNO.EAGAIN) return DRAINED;
      if (count < 0) return { kind: "failed", errno: -count };
      for (let i = 0; i < count; i++) deliver(batch.datagram(i), batch.from(i), batch.to(i), batch.segmentSize(i));
      if (count < asked) return DRAINED;
      left -= count;
    }
    return MORE;
  }

  /** Bytes sent, or a negated errno; with `segmentSize`, of several datagrams that lie one behind the other: all or none of them. */
  send(datagram: Uint8Array, way: DatagramWay, segmentSize = 0): number {
    return this.#message.send(this.fd, datagram, way, segmentSize);
  }

  /** From now on datagrams of one size that came together may be handed on together. */
  acceptSegments(): void {
    setOption(this.fd, "UDP_GRO", 1);
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export function listenUdp(at: Endpoint, into: DatagramBatch): Opened<UdpListener> {
  const bound = bindPort("udp", at);
  return bound.kind === "open" ? { kind: "open", socket: new UdpListener(bound.socket, into) } : bound;
}
