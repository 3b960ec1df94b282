// A port of the host's that leads into a sandbox.
import { ERRNO } from "../../../ffi/errno.ts";
import { Fd } from "../../../ffi/fd.ts";
import { type Endpoint, Sockaddr } from "../../../ffi/sockaddr.ts";
import { accept, bind, listen, localEndpoint, setOption, socket } from "../../../ffi/socket.ts";
import type { IoVector } from "../../../ffi/vector_io.ts";
import type { Opened } from "./opened.ts";
import { TcpSocket } from "./tcp_socket.ts";

/** `none`: nobody waits (any more). `failed`: EMFILE, ENFILE, ENOBUFS, ENOMEM: whoever waits still does. */
export type Accepted =
  | { readonly kind: "accepted"; readonly socket: TcpSocket; readonly peer: Endpoint }
  | { readonly kind: "none" }
  | { readonly kind: "failed"; readonly errno: number };

const NONE: Accepted = { kind: "none" };
/** Errors of a connection that has ended before it was accepted, or of the network it came by: to be asked again, accept(2). */
const PASSING: ReadonlySet<number> = new Set([
  ERRNO.EINTR,
  ERRNO.ECONNABORTED,
  ERRNO.EPERM,
  ERRNO.EPROTO,
  ERRNO.ENOPROTOOPT,
  ERRNO.ENETDOWN,
  ERRNO.EHOSTDOWN,
  ERRNO.ENONET,
  ERRNO.EHOSTUNREACH,
  ERRNO.EOPNOTSUPP,
  ERRNO.ENETUNREACH,
]);
const MAX_PASSING = 16;

export class TcpListener implements Disposable {
  readonly #fd: Fd;
  readonly #vector: IoVector;
  readonly #peer = new Sockaddr();

  /** Takes the descriptor of a listening, non-blocking socket over. */
  constructor(fd: Fd, vector: IoVector) {
    this.#fd = fd;
    this.#vector = vector;
  }

  get fd(): number {
    return this.#fd.number;
  }

  /** With the port that the kernel chose where 0 was asked for. */
  get local(): Endpoint {
    return localEndpoint(this.fd);
  }

  accept(): Accepted {
    for (let attempt = 0; attempt < MAX_PASSING; attempt++) {
      const result = accept(this.fd, this.#peer);
      if (result >= 0) return this.#accepted(new Fd(result));
      if (result === -ERRNO.EAGAIN) return NONE;
      if (!PASSING.has(-result)) return { kind: "failed", errno: -result };
    }
    return NONE;
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #accepted(fd: Fd): Accepted {
    setOption(fd.number, "TCP_NODELAY", 1);
    const socket = new TcpSocket(fd, this.#vector, { kind: "connected" });
    return { kind: "accepted", socket, peer: this.#peer.get() };
  }
}

/** EADDRINUSE, EACCES (a port below 1024) and EADDRNOTAVAIL are what a user can cause. An IPv6 address takes no IPv4 connections. */
export function listenTcp(at: Endpoint, vector: IoVector, backlog = 4096): Opened<TcpListener> {
  const number = socket(at.address.family, "stream");
  if (number < 0) return { kind: "failed", errno: -number };
  const fd = new Fd(number);
  // Ports whose last connections are in TIME_WAIT can be listened at, tcp(7).
  setOption(number, "SO_REUSEADDR", 1);
  if (at.address.family === 6) setOption(number, "IPV6_V6ONLY", 1);
  const result = bind(number, new Sockaddr(at)) || listen(number, backlog);
  if (result === 0) return { kind: "open", socket: new TcpListener(fd, vector) };
  fd.close();
  return { kind: "failed", errno: -result };
}
