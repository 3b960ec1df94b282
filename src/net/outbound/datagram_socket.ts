// A connected socket of datagrams: it gets what its one peer sends, and the ICMP errors about what was sent to it, as errnos of the
// next call (udp(7)).
import type { DatagramBatch } from "../../../ffi/datagram_batch.ts";
import type { DatagramMessage } from "../../../ffi/datagram_message.ts";
import { ERRNO } from "../../../ffi/errno.ts";
import { Fd } from "../../../ffi/fd.ts";
import { type Endpoint, Sockaddr } from "../../../ffi/sockaddr.ts";
import { connect, localEndpoint, pathMtu, type SocketType, send, setOption, socket } from "../../../ffi/socket.ts";
import type { Opened } from "./opened.ts";

/** `drained`: nothing waits any more. `more`: the limit came first. `failed`: the errno of an ICMP error, e.g. ECONNREFUSED; ask again. */
export type Drained =
  | { readonly kind: "drained" }
  | { readonly kind: "more" }
  | { readonly kind: "failed"; readonly errno: number };

const DRAINED: Drained = { kind: "drained" };
const MORE: Drained = { kind: "more" };
const CONNECTED = {};

export class DatagramSocket implements Disposable {
  readonly #fd: Fd;
  readonly #family: 4 | 6;
  readonly #into: DatagramBatch;

  /**
   * Takes the descriptor over.
   * @param into scratch that many sockets may share: it is in use during a call alone. A datagram that does not fit is cut off.
   */
  constructor(fd: Fd, family: 4 | 6, into: DatagramBatch) {
    this.#fd = fd;
    this.#family = family;
    this.#into = into;
  }

  get fd(): number {
    return this.#fd.number;
  }

  get local(): Endpoint {
    return localEndpoint(this.fd);
  }

  /**
   * Hands on each datagram that waits, `limit` at most. A view is valid until the scratch is filled again. `segmentSize` is 0, or of several
   * datagrams in one view how long each is but the last.
   */
  receive(limit: number, deliver: (datagram: Uint8Array, segmentSize: number) => void): Drained {
    const batch = this.#into;
    for (let left = limit; left > 0; ) {
      const asked = Math.min(left, batch.capacity);
      const count = batch.receive(this.fd, asked);
      if (count === -ERRNO.EAGAIN) return DRAINED;
      if (count < 0) return { kind: "failed", errno: -count };
      for (let i = 0; i < count; i++) deliver(batch.datagram(i), batch.segmentSize(i));
      if (count < asked) return DRAINED;
      left -= count;
    }
    return MORE;
  }

  /** The datagram's length, or a negated errno: EAGAIN and ENOBUFS (drop it), EMSGSIZE, or one that an ICMP error left. */
  send(datagram: Uint8Array): number {
    return send(this.fd, datagram, datagram.length);
  }

  /** As {@link send}, of several that lie one behind the other: all or none of them. */
  sendSegments(message: DatagramMessage, datagrams: Uint8Array, segmentSize: number): number {
    return message.send(this.fd, datagrams, CONNECTED, segmentSize);
  }

  /** From now on datagrams of one size that came together may be handed on together. */
  acceptSegments(): void {
    setOption(this.fd, "UDP_GRO", 1);
  }

  /** Of its way, as far as the kernel knows by now; 0 where it does not. */
  get pathMtu(): number {
    return pathMtu(this.fd, this.#family);
  }

  /** IP_TTL, or the hop limit: 1 to 255. */
  setHopLimit(hops: number): void {
    setOption(this.fd, this.#family === 4 ? "IP_TTL" : "IPV6_UNICAST_HOPS", hops);
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export function connectDatagrams(
  to: Endpoint,
  type: Exclude<SocketType, "stream">,
  into: DatagramBatch,
): Opened<DatagramSocket> {
  const { family } = to.address;
  const number = socket(family, type);
  if (number < 0) return { kind: "failed", errno: -number };
  const fd = new Fd(number);
  const result = connect(number, new Sockaddr(to));
  if (result === 0) return { kind: "open", socket: new DatagramSocket(fd, family, into) };
  fd.close();
  return { kind: "failed", errno: -result };
}
