// A UDP port of the host's that leads into the sandbox: a flow for each client, by its address and port. Answers are sent from the
// port's own socket.
import type { Endpoint } from "../../../ffi/sockaddr.ts";
import type { UdpListener } from "../outbound/udp_listener.ts";
import { ipHeaderLength } from "../wire/ip.ts";
import { UDP_HEADER_LENGTH } from "../wire/udp.ts";
import { clientPort, clientRoute } from "./client_route.ts";
import type { FlowHost } from "./flow_host.ts";
import { FlowMap } from "./flow_map.ts";
import { InboundUdpFlow } from "./inbound_udp_flow.ts";
import type { Network } from "./network_way.ts";
import type { Ready } from "./reactor.ts";
import { MOST_AT_ONCE, type UdpEvents } from "./udp_flow.ts";
import type { UdpTable } from "./udp_table.ts";

export class UdpPublisher implements Ready, UdpEvents<InboundUdpFlow>, Disposable {
  readonly #host: FlowHost;
  readonly #network: Network;
  readonly #table: UdpTable;
  readonly #listener: UdpListener;
  readonly #port: number;
  readonly #token: number;
  readonly #clients = new FlowMap<InboundUdpFlow>();

  /** Takes the listener over. */
  constructor(host: FlowHost, network: Network, table: UdpTable, listener: UdpListener, port: number) {
    this.#host = host;
    this.#network = network;
    this.#table = table;
    this.#listener = listener;
    listener.acceptSegments();
    this.#port = port;
    this.#token = host.reactor.add(listener.fd, this);
  }

  // An error that waits at an unconnected socket is about none of its clients in particular.
  ready(_events: number, now: number): void {
    this.#listener.receive(MOST_AT_ONCE, (datagram, client, asked, segmentSize) => {
      const known = this.#clients.get(client.address, client.port, this.#port);
      (known ?? this.#open(client, now))?.deliver(datagram, segmentSize, asked, now);
    });
    this.#table.incoming.flush();
  }

  refused(flow: InboundUdpFlow, errno: number): void {
    this.#table.refused(flow, errno);
  }

  large(flow: InboundUdpFlow, payload: Uint8Array): void {
    this.#table.large(flow, payload);
  }

  closed(flow: InboundUdpFlow): void {
    const { address, port } = flow.client;
    this.#clients.delete(address, port, this.#port, flow);
    this.#table.closed(flow);
  }

  [Symbol.dispose](): void {
    for (const flow of [...this.#clients]) flow.close();
    this.#host.reactor.remove(this.#listener.fd, this.#token);
    this.#listener.close();
  }

  #open(client: Endpoint, now: number): InboundUdpFlow | undefined {
    const route = clientRoute(this.#network.addresses, client.address);
    if (route === undefined) return undefined;
    const { source: remote, destination: local } = route;
    const isTaken = (port: number): boolean => this.#table.isTaken(remote, port, this.#port);
    const remotePort = clientPort(client.port, isTaken, this.#host.random);
    if (remotePort === undefined) return undefined;
    const ends = { local, localPort: this.#port, remote, remotePort, target: client.address };
    const largest = this.#network.mtu - ipHeaderLength(route) - UDP_HEADER_LENGTH;
    const listener = this.#listener;
    const { incoming } = this.#table;
    const flow = new InboundUdpFlow({ host: this.#host, events: this, listener, incoming, client, ends, largest, now });
    this.#clients.set(client.address, client.port, this.#port, flow);
    this.#table.adopt(flow);
    return flow;
  }
}
