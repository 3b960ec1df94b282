// A connected socket of datagrams: it gets what its one peer sends, and the ICMP errors about what was sent to it, as errnos of the
// next call (udp(7)). A recvmmsg(2) of 32 saves a third of a recv(2), which is a tenth of what a datagram costs here: not taken.
import { ERRNO } from "../../../ffi/errno.ts";
import { Fd } from "../../../ffi/fd.ts";
import type { PinnedBuffer } from "../../../ffi/pinned_buffer.ts";
import { type Endpoint, Sockaddr } from "../../../ffi/sockaddr.ts";
import {
  connect,
  localEndpoint,
  pathMtu,
  receiveDatagram,
  type SocketType,
  send,
  setOption,
  socket,
} from "../../../ffi/socket.ts";
import type { Opened } from "./opened.ts";

/** `drained`: nothing waits any more. `more`: the limit came first. `failed`: the errno of an ICMP error, e.g. ECONNREFUSED; ask again. */
export type Drained =
  | { readonly kind: "drained" }
  | { readonly kind: "more" }
  | { readonly kind: "failed"; readonly errno: number };

const DRAINED: Drained = { kind: "drained" };
const MORE: Drained = { kind: "more" };

export class DatagramSocket implements Disposable {
  readonly #fd: Fd;
  readonly #family: 4 | 6;
  readonly #into: PinnedBuffer;

  /**
   * Takes the descriptor over.
   * @param into scratch that many sockets may share: it is in use during a call alone. A datagram that does not fit is cut off.
   */
  constructor(fd: Fd, family: 4 | 6, into: PinnedBuffer) {
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

  /** Hands on each datagram that waits, `limit` at most. A view is valid during `deliver` alone. */
  receive(limit: number, deliver: (datagram: Uint8Array) => void): Drained {
    const { bytes, address } = this.#into;
    for (let i = 0; i < limit; i++) {
      const length = receiveDatagram(this.fd, address, bytes.length);
      if (length === -ERRNO.EAGAIN) return DRAINED;
      if (length < 0) return { kind: "failed", errno: -length };
      deliver(bytes.subarray(0, length));
    }
    return MORE;
  }

  /** The datagram's length, or a negated errno: EAGAIN and ENOBUFS (drop it), EMSGSIZE, or one that an ICMP error left. */
  send(datagram: Uint8Array): number {
    return send(this.fd, datagram, datagram.length);
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
  into: PinnedBuffer,
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
