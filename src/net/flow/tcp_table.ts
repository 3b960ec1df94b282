// The sandbox's TCP connections. A SYN of a new one starts a connect(2) on the host; what belongs to none is answered with RST.
import { ERRNO } from "../../../ffi/errno.ts";
import { rawSyscall } from "../../../ffi/libc.ts";
import { Sockaddr } from "../../../ffi/sockaddr.ts";
import { connect, setOption, socket } from "../../../ffi/socket.ts";
import type { IoVector } from "../../../ffi/vector_io.ts";
import { TcpConnection } from "../tcp/tcp_connection.ts";
import { type TcpSettings, tcpSettings } from "../tcp/tcp_settings.ts";
import { copyAddress, type IpAddress } from "../wire/ip_address.ts";
import { IP_PROTOCOL, type IpPacket } from "../wire/ip_packet.ts";
import { IPV4_HEADER_LENGTH } from "../wire/ipv4.ts";
import { IPV6_HEADER_LENGTH } from "../wire/ipv6.ts";
import { parseTcp, TCP_FLAG, type TcpSegment } from "../wire/tcp.ts";
import type { FlowHost } from "./flow_host.ts";
import { FlowMap } from "./flow_map.ts";
import type { Route } from "./frame_writer.ts";
import { unreachableOf } from "./icmp_error.ts";
import { type Network, wayTo } from "./network_way.ts";
import { SequenceClock } from "./sequence_clock.ts";
import { type TcpEvents, TcpFlow, type TcpPorts } from "./tcp_flow.ts";
import { sendUnreachable } from "./unreachable.ts";

/** Half the descriptors of a common hard limit of ours; a SYN beyond is refused. */
const MOST_FLOWS = 16_384;
/** Connections that the host has not answered yet: what a flood of SYNs can bring about. */
const MOST_CONNECTING = 1024;
/** A TCP header without options: what an IP packet must leave room for. */
const TCP_HEADER = 20;
/** The most that IPv4's length field can say. */
const MOST_PACKET = 65_535;
/** Of an ICMP error, of the transport header (RFC 792). */
const QUOTED_BYTES = 8;
/** No segment of an old connection is still on its way on a link inside one machine. */
const TIME_WAIT = 1000;

export class TcpTable implements TcpEvents {
  readonly #host: FlowHost;
  readonly #network: Network;
  readonly #vector: IoVector;
  readonly #settings: Readonly<Record<4 | 6, TcpSettings>>;
  readonly #flows = new FlowMap<TcpFlow>();
  /** The first bytes of the SYNs that the host has not answered. */
  readonly #connecting = new Map<TcpFlow, Uint8Array>();
  readonly #sockaddr = new Sockaddr();
  readonly #clock: SequenceClock;

  constructor(host: FlowHost, network: Network, vector: IoVector) {
    this.#host = host;
    this.#network = network;
    this.#vector = vector;
    this.#clock = new SequenceClock(host.random);
    this.#settings = {
      4: settingsOf(host, network, IPV4_HEADER_LENGTH),
      6: settingsOf(host, network, IPV6_HEADER_LENGTH),
    };
  }

  packet(packet: IpPacket, now: number): void {
    const segment = parseTcp(packet.payload);
    if (segment === undefined) return;
    const { destinationPort, sourcePort } = segment;
    const flow = this.#flows.get(packet.destination, destinationPort, sourcePort);
    const isNew = (segment.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK | TCP_FLAG.RST)) === TCP_FLAG.SYN;
    if (flow !== undefined && isNew && flow.connection.state === "TIME-WAIT") flow.drop();
    else if (flow !== undefined) return flow.segment(segment, now);
    if (!isNew) return this.#reset(packet, segment);
    this.#open(packet, segment, now);
  }

  unreachable(flow: TcpFlow, errno: number): void {
    const syn = this.#connecting.get(flow);
    // Whoever asked fails at once in either case: by RST, or by the error that ip(7) makes of ICMP's.
    if (errno === ERRNO.ECONNREFUSED || syn === undefined) return flow.connection.refuse();
    const { source, destination } = flow.route;
    const route: Route = { source: destination, destination: source };
    sendUnreachable(this.#host.writer, { route, protocol: IP_PROTOCOL.TCP, payload: syn }, unreachableOf(errno));
    flow.drop();
  }

  closed(flow: TcpFlow): void {
    this.#connecting.delete(flow);
    this.#flows.delete(flow.route.source, flow.ports.remote, flow.ports.sandbox, flow);
  }

  isTaken(remote: IpAddress, remotePort: number, localPort: number): boolean {
    return this.#flows.get(remote, remotePort, localPort) !== undefined;
  }

  /**
   * A connection that a client of the host's began, to a port of the sandbox's: `fd` is the client's, connected, and is taken over.
   * False, with nothing done, where the table is full.
   */
  connect(fd: number, route: Route, ports: TcpPorts, now: number): boolean {
    if (this.#flows.size >= MOST_FLOWS) return false;
    const flow = new TcpFlow({
      host: this.#host,
      events: this,
      vector: this.#vector,
      route,
      ports,
      fd,
      connecting: false,
      connection: (deliver) =>
        TcpConnection.connect(
          {
            settings: this.#settings[route.source.family],
            localPort: ports.remote,
            remotePort: ports.sandbox,
            ...this.#clock.at(now),
            deliver,
          },
          now,
        ),
    });
    this.#flows.set(route.source, ports.remote, ports.sandbox, flow);
    this.#host.schedule(flow);
    return true;
  }

  close(): void {
    for (const flow of [...this.#flows]) flow.drop();
  }

  #open(packet: IpPacket, segment: TcpSegment, now: number): void {
    const target = wayTo(this.#network, packet.destination);
    this.#forgetConnected();
    const isFull = this.#flows.size >= MOST_FLOWS || this.#connecting.size >= MOST_CONNECTING;
    if (target === undefined || isFull) return this.#reset(packet, segment);
    const fd = socket(target.family, "stream");
    if (fd < 0) return this.#refuse(packet, segment, -fd);
    setOption(fd, "TCP_NODELAY", 1);
    const result = connect(fd, this.#sockaddr.set(target, segment.destinationPort));
    if (result < 0 && result !== -ERRNO.EINPROGRESS) {
      rawSyscall("close", fd);
      return this.#refuse(packet, segment, -result);
    }
    this.#join(packet, segment, fd, now);
  }

  #join(packet: IpPacket, segment: TcpSegment, fd: number, now: number): void {
    const route: Route = { source: copyAddress(packet.destination), destination: copyAddress(packet.source) };
    const flow = new TcpFlow({
      host: this.#host,
      events: this,
      vector: this.#vector,
      route,
      ports: { sandbox: segment.sourcePort, remote: segment.destinationPort },
      fd,
      connecting: true,
      connection: (deliver) =>
        TcpConnection.accept(
          {
            settings: this.#settings[route.source.family],
            localPort: segment.destinationPort,
            remotePort: segment.sourcePort,
            initialSequenceNumber: this.#host.random(),
            timestampOffset: this.#host.random(),
            deliver,
          },
          segment,
          now,
        ),
    });
    this.#flows.set(route.source, segment.destinationPort, segment.sourcePort, flow);
    this.#connecting.set(flow, packet.payload.slice(0, QUOTED_BYTES));
  }

  #forgetConnected(): void {
    if (this.#connecting.size < MOST_CONNECTING) return;
    for (const flow of this.#connecting.keys()) if (!flow.isConnecting) this.#connecting.delete(flow);
  }

  #refuse(packet: IpPacket, segment: TcpSegment, errno: number): void {
    if (errno === ERRNO.ECONNREFUSED) return this.#reset(packet, segment);
    const payload = packet.payload.subarray(0, QUOTED_BYTES);
    sendUnreachable(this.#host.writer, { route: packet, protocol: IP_PROTOCOL.TCP, payload }, unreachableOf(errno));
  }

  /** RFC 9293 section 3.10.7.1: what a connection that does not exist answers. */
  #reset(packet: { source: IpAddress; destination: IpAddress }, segment: TcpSegment): void {
    const { flags, sequenceNumber, acknowledgmentNumber, sourcePort, destinationPort, payload } = segment;
    if (flags & TCP_FLAG.RST) return;
    const hasAck = (flags & TCP_FLAG.ACK) !== 0;
    const length = payload.length + (flags & TCP_FLAG.SYN ? 1 : 0) + (flags & TCP_FLAG.FIN ? 1 : 0);
    const header = {
      sourcePort: destinationPort,
      destinationPort: sourcePort,
      sequenceNumber: hasAck ? acknowledgmentNumber : 0,
      acknowledgmentNumber: hasAck ? 0 : (sequenceNumber + length) >>> 0,
      flags: hasAck ? TCP_FLAG.RST : TCP_FLAG.RST | TCP_FLAG.ACK,
      window: 0,
      options: {},
    };
    const route = { source: packet.destination, destination: packet.source };
    this.#host.writer.tcp(route, { header, payload: [], payloadLength: 0, maximumSegmentSize: 0 });
  }
}

function settingsOf({ pool }: FlowHost, { mtu }: Network, ipHeader: number): TcpSettings {
  return tcpSettings({
    pool,
    maximumSegmentSize: mtu - ipHeader - TCP_HEADER,
    maximumBurst: MOST_PACKET - ipHeader - TCP_HEADER,
    timeWait: TIME_WAIT,
  });
}
