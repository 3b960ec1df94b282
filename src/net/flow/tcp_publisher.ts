// A TCP port of the host's that leads into the sandbox. Clients are accepted by the kernel before the sandbox has been asked, so one
// that the sandbox refuses sees its connection reset.
//
//   listening  epoll tells of clients
//   paused     set when there are no descriptors or no memory to accept with: the client waits in the backlog, and for
//              {@link PAUSE} ms epoll is not asked, which would tell of it without end
import { rawSyscall } from "../../../ffi/libc.ts";
import type { Endpoint } from "../../../ffi/sockaddr.ts";
import { resetOnClose } from "../../../ffi/socket.ts";
import type { TcpListener } from "../outbound/tcp_listener.ts";
import { clientPort, clientRoute } from "./client_route.ts";
import type { FlowHost } from "./flow_host.ts";
import type { NetworkAddresses } from "./network_addresses.ts";
import type { Ready } from "./reactor.ts";
import type { TcpTable } from "./tcp_table.ts";
import type { Timed } from "./timers.ts";

const PAUSE = 100;
/** In one round, so that one crowd does not keep the others waiting. */
const MOST_AT_ONCE = 64;

export class TcpPublisher implements Ready, Timed, Disposable {
  readonly #host: FlowHost;
  readonly #addresses: NetworkAddresses;
  readonly #table: TcpTable;
  readonly #listener: TcpListener;
  readonly #port: number;
  #token: number;
  #pausedUntil: number | undefined;

  /** Takes the listener over. */
  constructor(host: FlowHost, addresses: NetworkAddresses, table: TcpTable, listener: TcpListener, port: number) {
    this.#host = host;
    this.#addresses = addresses;
    this.#table = table;
    this.#listener = listener;
    this.#port = port;
    this.#token = host.reactor.add(listener.fd, this);
  }

  get deadline(): number | undefined {
    return this.#pausedUntil;
  }

  expire(): void {
    this.#pausedUntil = undefined;
    this.#token = this.#host.reactor.add(this.#listener.fd, this);
  }

  ready(_events: number, now: number): void {
    for (let i = 0; i < MOST_AT_ONCE; i++) {
      const accepted = this.#listener.accept();
      if (accepted.kind === "none") return;
      if (accepted.kind === "failed") return this.#pause(now);
      const fd = accepted.fd.release();
      if (!this.#join(fd, accepted.peer, now)) reject(fd);
    }
  }

  [Symbol.dispose](): void {
    this.#host.timers.remove(this);
    this.#host.reactor.remove(this.#listener.fd, this.#token);
    this.#listener.close();
  }

  #join(fd: number, client: Endpoint, now: number): boolean {
    const route = clientRoute(this.#addresses, client.address);
    if (route === undefined) return false;
    const isTaken = (port: number): boolean => this.#table.isTaken(route.source, port, this.#port);
    const remote = clientPort(client.port, isTaken, this.#host.random);
    return remote !== undefined && this.#table.connect(fd, client, route, { sandbox: this.#port, remote }, now);
  }

  #pause(now: number): void {
    this.#host.reactor.remove(this.#listener.fd, this.#token);
    this.#pausedUntil = now + PAUSE;
    this.#host.timers.update(this);
  }
}

function reject(fd: number): void {
  resetOnClose(fd);
  rawSyscall("close", fd);
}
