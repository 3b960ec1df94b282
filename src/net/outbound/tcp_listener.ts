// A port of the host's that leads into a sandbox.
import { ERRNO } from "../../../ffi/errno.ts";
import { Fd } from "../../../ffi/fd.ts";
import { type Endpoint, Sockaddr } from "../../../ffi/sockaddr.ts";
import { accept, localEndpoint, setOption } from "../../../ffi/socket.ts";
import { bindPort } from "./bind_port.ts";
import type { Opened } from "./opened.ts";

/** `none`: nobody waits (any more). `failed`: EMFILE, ENFILE, ENOBUFS, ENOMEM: whoever waits still does. */
export type Accepted =
  | { readonly kind: "accepted"; readonly fd: Fd; readonly peer: Endpoint }
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
  readonly #peer = new Sockaddr();

  /** Takes the descriptor of a listening, non-blocking socket over. */
  constructor(fd: Fd) {
    this.#fd = fd;
    // Those that are accepted have them too.
    setOption(fd.number, "TCP_NODELAY", 1);
    setOption(fd.number, "SO_KEEPALIVE", 1);
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
    return { kind: "accepted", fd, peer: this.#peer.get() };
  }
}

export function listenTcp(at: Endpoint): Opened<TcpListener> {
  const bound = bindPort("tcp", at);
  return bound.kind === "open" ? { kind: "open", socket: new TcpListener(bound.socket) } : bound;
}
