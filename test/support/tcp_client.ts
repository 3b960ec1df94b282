// A TCP connection for tests: non-blocking, and no more than the calls. Results of the calls that move bytes are counts or
// negated errnos: -EAGAIN, try again when epoll says so; any other ends the connection.
import { ERRNO } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/fd.ts";
import { type Endpoint, Sockaddr } from "../../ffi/sockaddr.ts";
import {
  connect,
  localEndpoint,
  peerEndpoint,
  receive,
  resetOnClose,
  send,
  setOption,
  shutdown,
  socket,
  takeError,
} from "../../ffi/socket.ts";
import type { IoVector } from "../../ffi/vector_io.ts";
import type { Opened } from "../../src/net/outbound/opened.ts";

/** `failed`: ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, ... */
export type ConnectionStatus =
  | { readonly kind: "connecting" }
  | { readonly kind: "connected" }
  | { readonly kind: "failed"; readonly errno: number };

const CONNECTING: ConnectionStatus = { kind: "connecting" };
const CONNECTED: ConnectionStatus = { kind: "connected" };

export class TcpSocket implements Disposable {
  readonly #fd: Fd;
  readonly #vector: IoVector;
  #status: ConnectionStatus;

  /**
   * Takes the descriptor over.
   * @param vector scratch that many sockets may share: it is in use during a call alone.
   */
  constructor(fd: Fd, vector: IoVector, status: ConnectionStatus) {
    this.#fd = fd;
    this.#vector = vector;
    this.#status = status;
  }

  get fd(): number {
    return this.#fd.number;
  }

  /** What has become of the connecting. Ask when epoll tells of the socket (EPOLLOUT, EPOLLERR or EPOLLHUP), not before. */
  status(): ConnectionStatus {
    if (this.#status.kind === "connecting") this.#status = this.#outcome();
    return this.#status;
  }

  /** Into `slices`, in order, which have room for a byte at least. 0: the peer will send no more. */
  receive(slices: readonly Uint8Array[]): number {
    const [only] = slices;
    if (slices.length === 1 && only?.length) return receive(this.fd, only, only.length);
    this.#fill(slices);
    if (this.#vector.length === 0) throw new RangeError("no room to receive into");
    return this.#vector.receive(this.fd);
  }

  /** How many bytes of `views` the kernel took; those that it did not are the caller's to keep. */
  send(views: readonly Uint8Array[]): number {
    const [only] = views;
    if (views.length === 1 && only) return send(this.fd, only, only.length);
    this.#fill(views);
    return this.#vector.send(this.fd);
  }

  /** No more will be sent: FIN, after what the kernel still has. 0, or a negated errno: ENOTCONN after the peer's RST. */
  endSending(): number {
    return shutdown(this.fd, "write");
  }

  /** The errno that waits at the socket, or 0; reading it takes it away. */
  takeError(): number {
    return takeError(this.fd);
  }

  get local(): Endpoint {
    return localEndpoint(this.fd);
  }

  /** `undefined` when not connected, or not any more. */
  get peer(): Endpoint | undefined {
    return peerEndpoint(this.fd);
  }

  /** Closes so that the peer gets RST. */
  abort(): void {
    if (this.#fd.isOpen) resetOnClose(this.fd);
    this.close();
  }

  /** What the kernel took is still sent. */
  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  // Writable without an error is connected, but a socket without a peer was asked too early.
  #outcome(): ConnectionStatus {
    const errno = takeError(this.fd);
    if (errno !== 0) return { kind: "failed", errno };
    return peerEndpoint(this.fd) ? CONNECTED : CONNECTING;
  }

  #fill(pieces: readonly Uint8Array[]): void {
    this.#vector.clear();
    this.#vector.addAll(pieces);
  }
}

/** Begins to connect. The socket may be connected at once. */
export function connectTcp(to: Endpoint, vector: IoVector): Opened<TcpSocket> {
  const number = socket(to.address.family, "stream");
  if (number < 0) return { kind: "failed", errno: -number };
  const fd = new Fd(number);
  setOption(number, "TCP_NODELAY", 1);
  const result = connect(number, new Sockaddr(to));
  if (result === 0) return { kind: "open", socket: new TcpSocket(fd, vector, CONNECTED) };
  if (result === -ERRNO.EINPROGRESS) return { kind: "open", socket: new TcpSocket(fd, vector, CONNECTING) };
  fd.close();
  return { kind: "failed", errno: -result };
}
