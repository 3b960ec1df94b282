// Ports of the host's that lead into the sandbox, from bound sockets to what serves them. They come and go while it runs. What goes with
// a TCP port is the listening socket alone: connections are their two ends' to close. Of UDP it is all, since answers are sent from the
// port's own socket.

import type { DatagramBatch } from "../../../ffi/datagram_batch.ts";
import type { Fd } from "../../../ffi/fd.ts";
import type { Endpoint } from "../../../ffi/sockaddr.ts";
import { localEndpoint } from "../../../ffi/socket.ts";
import type { PortProtocol } from "../outbound/bind_port.ts";
import { TcpListener } from "../outbound/tcp_listener.ts";
import { UdpListener } from "../outbound/udp_listener.ts";
import type { FlowHost } from "./flow_host.ts";
import type { Network } from "./network_way.ts";
import { TcpPublisher } from "./tcp_publisher.ts";
import type { TcpTable } from "./tcp_table.ts";
import { UdpPublisher } from "./udp_publisher.ts";
import type { UdpTable } from "./udp_table.ts";

export type BoundPort = {
  readonly protocol: PortProtocol;
  /** Of bindPort(); whoever serves it takes it over. */
  readonly socket: Fd;
  readonly sandboxPort: number;
};

export type PublishedPort = {
  readonly protocol: PortProtocol;
  readonly at: Endpoint;
  readonly sandboxPort: number;
};

type Tables = { readonly tcp: TcpTable; readonly udp: UdpTable };

export class PublishedPorts implements Disposable {
  readonly #host: FlowHost;
  readonly #network: Network;
  readonly #tables: Tables;
  readonly #batch: DatagramBatch;
  readonly #publishers = new Map<PublishedPort, Disposable>();

  /** @param batch holds datagrams while they are passed on; others may share it. */
  constructor(host: FlowHost, network: Network, tables: Tables, batch: DatagramBatch) {
    this.#host = host;
    this.#network = network;
    this.#tables = tables;
    this.#batch = batch;
  }

  /** In the order in which they came. */
  get all(): readonly PublishedPort[] {
    return [...this.#publishers.keys()];
  }

  /** Throws SyscallError where there are no means to wait for another. */
  add({ protocol, socket, sandboxPort }: BoundPort): PublishedPort {
    const port = { protocol, at: localEndpoint(socket.number), sandboxPort };
    this.#publishers.set(port, this.#publisher(protocol, socket, sandboxPort));
    return port;
  }

  /** One of {@link all}. */
  remove(port: PublishedPort): void {
    this.#publishers.get(port)?.[Symbol.dispose]();
    this.#publishers.delete(port);
  }

  [Symbol.dispose](): void {
    for (const port of this.all) this.remove(port);
  }

  #publisher(protocol: PortProtocol, socket: Fd, sandboxPort: number): Disposable {
    const { tcp, udp } = this.#tables;
    return protocol === "tcp"
      ? new TcpPublisher(this.#host, this.#network.addresses, tcp, new TcpListener(socket), sandboxPort)
      : new UdpPublisher(this.#host, this.#network, udp, new UdpListener(socket, this.#batch), sandboxPort);
  }
}
