// Ports of the host's that lead into the sandbox, from bound sockets to what serves them.
import type { Fd } from "../../../ffi/fd.ts";
import type { PinnedBuffer } from "../../../ffi/pinned_buffer.ts";
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

type Tables = { readonly tcp: TcpTable; readonly udp: UdpTable };

/** @param buffer holds one datagram while it is passed on; others may share it. */
export function publish(
  ports: readonly BoundPort[],
  host: FlowHost,
  network: Network,
  { tcp, udp }: Tables,
  buffer: PinnedBuffer,
): readonly Disposable[] {
  return ports.map(({ protocol, socket, sandboxPort }) =>
    protocol === "tcp"
      ? new TcpPublisher(host, network.addresses, tcp, new TcpListener(socket), sandboxPort)
      : new UdpPublisher(host, network, udp, new UdpListener(socket, buffer), sandboxPort),
  );
}
