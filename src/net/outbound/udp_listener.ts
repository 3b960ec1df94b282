// A UDP port of the host's that leads into a sandbox: datagrams from anyone, and answers to them.
import { DatagramMessage } from "../../../ffi/datagram_message.ts";
import { ERRNO } from "../../../ffi/errno.ts";
import type { Fd } from "../../../ffi/fd.ts";
import type { PinnedBuffer } from "../../../ffi/pinned_buffer.ts";
import type { Address, Endpoint } from "../../../ffi/sockaddr.ts";
import { localEndpoint } from "../../../ffi/socket.ts";
import { bindPort } from "./bind_port.ts";
import type { Drained } from "./datagram_socket.ts";
import type { Opened } from "./opened.ts";

const DRAINED: Drained = { kind: "drained" };
const MORE: Drained = { kind: "more" };

export class UdpListener implements Disposable {
  readonly #fd: Fd;
  readonly #into: PinnedBuffer;
  readonly #message = new DatagramMessage();

  /** Takes the descriptor over; `into` may be shared, as with DatagramSocket. */
  constructor(fd: Fd, into: PinnedBuffer) {
    this.#fd = fd;
    this.#into = into;
  }

  get fd(): number {
    return this.#fd.number;
  }

  get local(): Endpoint {
    return localEndpoint(this.fd);
  }

  /**
   * Hands on each datagram that waits, `limit` at most. The view is valid during `deliver` alone, the addresses for ever. `to` is
   * this host's own, where the socket is bound to all of them.
   */
  receive(limit: number, deliver: (datagram: Uint8Array, from: Endpoint, to: Address | undefined) => void): Drained {
    const { bytes, address } = this.#into;
    for (let i = 0; i < limit; i++) {
      const length = this.#message.receive(this.fd, address, bytes.length);
      if (length === -ERRNO.EAGAIN) return DRAINED;
      if (length < 0) return { kind: "failed", errno: -length };
      deliver(bytes.subarray(0, length), this.#message.from, this.#message.to);
    }
    return MORE;
  }

  /** The datagram's length, or a negated errno. `from`: an address of this host's, else the kernel chooses. */
  send(datagram: Uint8Array, to: Endpoint, from?: Address): number {
    return this.#message.send(this.fd, datagram, to, from);
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export function listenUdp(at: Endpoint, into: PinnedBuffer): Opened<UdpListener> {
  const bound = bindPort("udp", at);
  return bound.kind === "open" ? { kind: "open", socket: new UdpListener(bound.socket, into) } : bound;
}
