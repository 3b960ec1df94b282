// The sandbox's TCP connections. A SYN of a new one starts a connect(2) on the host; what belongs to none is answered with RST.
import { ERRNO } from "../../../ffi/errno.ts";
import { rawSyscall } from "../../../ffi/libc.ts";
import { type Endpoint, Sockaddr } from "../../../ffi/sockaddr.ts";
import { connect, setOption, socket } from "../../../ffi/socket.ts";
import type { IoVector } from "../../../ffi/vector_io.ts";
import { FirstBytes } from "../policy/first_bytes.ts";
import type { Denial, NameCondition } from "../policy/verdict.ts";
import { resetFor } from "../tcp/reset_for.ts";
import { TcpConnection } from "../tcp/tcp_connection.ts";
import { type TcpSettings, tcpSettings } from "../tcp/tcp_settings.ts";
import { copyAddress, type IpAddress } from "../wire/ip_address.ts";
import { IP_PROTOCOL, type IpPacket } from "../wire/ip_packet.ts";
import { IPV4_HEADER_LENGTH } from "../wire/ipv4.ts";
import { IPV6_HEADER_LENGTH } from "../wire/ipv6.ts";
import { parseTcp, TCP_FLAG, type TcpSegment } from "../wire/tcp.ts";
import type { Egress } from "./egress.ts";
import type { FlowHost } from "./flow_host.ts";
import { FlowMap } from "./flow_map.ts";
import type { Route } from "./frame_writer.ts";
import { unreachableOf } from "./icmp_error.ts";
import { NameConnection } from "./name_connection.ts";
import { DNS_PORT, type NameService } from "./name_service.ts";
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
  readonly #egress: Egress;
  readonly #names: NameService;
  readonly #vector: IoVector;
  readonly #settings: Readonly<Record<4 | 6, TcpSettings>>;
  readonly #flows = new FlowMap<TcpFlow | NameConnection>();
  /** The first bytes of the SYNs that the host has not answered. */
  readonly #connecting = new Map<TcpFlow, Uint8Array>();
  readonly #conditions = new WeakMap<TcpFlow, NameCondition>();
  /** Not of those that leave, or denied by their first bytes, which has been logged. */
  readonly #unlogged = new WeakSet<TcpFlow>();
  /** Of flows that they began, by published ports. */
  readonly #clients = new WeakMap<TcpFlow, Endpoint>();
  readonly #sockaddr = new Sockaddr();
  readonly #clock: SequenceClock;

  constructor(host: FlowHost, network: Network, egress: Egress, names: NameService, vector: IoVector) {
    this.#host = host;
    this.#egress = egress;
    this.#names = names;
    this.#network = network;
    this.#vector = vector;
    this.#clock = new SequenceClock(host.random);
    this.#settings = {
      4: settingsOf(host, network, IPV4_HEADER_LENGTH),
      6: settingsOf(host, network, IPV6_HEADER_LENGTH),
    };
  }

  get size(): number {
    return this.#flows.size;
  }

  /** What hosts have been given by connections that have more for them; `undefined` without any. */
  get passing(): number | undefined {
    let bytes: number | undefined;
    for (const flow of this.#flows)
      if (flow instanceof TcpFlow && flow.isPassingOn) bytes = (bytes ?? 0) + flow.bytesOut;
    return bytes;
  }

  packet(packet: IpPacket, now: number): void {
    const segment = parseTcp(packet.payload);
    if (segment === undefined) return;
    const { destinationPort, sourcePort } = segment;
    const flow = this.#flows.get(packet.destination, destinationPort, sourcePort);
    const isNew = (segment.flags & (TCP_FLAG.SYN | TCP_FLAG.ACK | TCP_FLAG.RST)) === TCP_FLAG.SYN;
    if (flow?.connection.isReplaceableBy(segment)) flow.drop();
    else if (flow !== undefined) return flow.segment(segment, now);
    if (!isNew) return this.#reset(packet, segment);
    const isForNames = this.#network.addresses.destination(packet.destination) === "nameserver";
    if (isForNames && destinationPort === DNS_PORT) return this.#openNames(packet, segment, now);
    this.#open(packet, segment, now);
  }

  denied(flow: TcpFlow, denial: Denial): void {
    const condition = this.#conditions.get(flow);
    if (condition !== undefined) this.#egress.denied(denial, condition);
    this.#unlogged.add(flow);
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

  closed(flow: TcpFlow | NameConnection): void {
    if (flow instanceof TcpFlow) {
      this.#connecting.delete(flow);
      this.#log(flow);
    }
    this.#flows.delete(flow.route.source, flow.ports.remote, flow.ports.sandbox, flow);
  }

  #log(flow: TcpFlow): void {
    const client = this.#clients.get(flow);
    const now = this.#host.now();
    if (client !== undefined) this.#egress.servedEnded(client, flow.ports.sandbox, "tcp", flow, now);
    else if (!this.#unlogged.has(flow)) this.#egress.ended(flow.route.source, flow.ports.remote, "tcp", flow, now);
  }

  isTaken(remote: IpAddress, remotePort: number, localPort: number): boolean {
    return this.#flows.get(remote, remotePort, localPort) !== undefined;
  }

  /**
   * A connection that a client of the host's began, to a port of the sandbox's: `fd` is the client's, connected, and is taken over.
   * False, with nothing done, where the table is full.
   */
  connect(fd: number, client: Endpoint, route: Route, ports: TcpPorts, now: number): boolean {
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
    this.#clients.set(flow, client);
    this.#flows.set(route.source, ports.remote, ports.sandbox, flow);
    this.#host.schedule(flow);
    return true;
  }

  close(): void {
    for (const flow of [...this.#flows]) flow.drop();
  }

  #open(packet: IpPacket, segment: TcpSegment, now: number): void {
    this.#forgetConnected();
    const isFull = this.#flows.size >= MOST_FLOWS || this.#connecting.size >= MOST_CONNECTING;
    if (isFull) return this.#reset(packet, segment);
    const verdict = this.#egress.decide(packet.destination, segment.destinationPort, "tcp", now);
    const target = wayTo(this.#network, packet.destination);
    if (target === undefined || verdict.kind === "deny") return this.#reset(packet, segment);
    const fd = socket(target.family, "stream");
    if (fd < 0) return this.#refuse(packet, segment, -fd);
    // The sandbox's own probes are answered here: whether the host's peer is there still, the host has to ask.
    setOption(fd, "SO_KEEPALIVE", 1);
    const result = connect(fd, this.#sockaddr.set(target, segment.destinationPort));
    if (result < 0 && result !== -ERRNO.EINPROGRESS) {
      rawSyscall("close", fd);
      return this.#refuse(packet, segment, -result);
    }
    this.#join(packet, segment, fd, verdict.kind === "allow-if-name" ? verdict.condition : undefined, now);
  }

  #join(packet: IpPacket, segment: TcpSegment, fd: number, condition: NameCondition | undefined, now: number): void {
    const ends = endsOf(packet, segment);
    const gate = condition && new FirstBytes(condition);
    const connection = this.#accept(segment, ends.route.source.family, now);
    const common = { host: this.#host, events: this, vector: this.#vector, ...ends };
    const flow = new TcpFlow({ ...common, fd, connecting: true, gate, connection });
    if (condition !== undefined) this.#conditions.set(flow, condition);
    this.#flows.set(ends.route.source, ends.ports.remote, ends.ports.sandbox, flow);
    this.#connecting.set(flow, packet.payload.slice(0, QUOTED_BYTES));
  }

  #openNames(packet: IpPacket, segment: TcpSegment, now: number): void {
    const ends = endsOf(packet, segment);
    const connection = this.#accept(segment, ends.route.source.family, now);
    const closed = (flow: NameConnection): void => this.closed(flow);
    const flow = new NameConnection({ host: this.#host, service: this.#names, closed, ...ends, connection });
    this.#flows.set(ends.route.source, ends.ports.remote, ends.ports.sandbox, flow);
  }

  #accept(syn: TcpSegment, family: 4 | 6, now: number): (deliver: (bytes: Uint8Array) => number) => TcpConnection {
    const endpoint = {
      settings: this.#settings[family],
      localPort: syn.destinationPort,
      remotePort: syn.sourcePort,
      initialSequenceNumber: this.#host.random(),
      timestampOffset: this.#host.random(),
    };
    return (deliver) => TcpConnection.accept({ ...endpoint, deliver }, syn, now);
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

  #reset(packet: { source: IpAddress; destination: IpAddress }, segment: TcpSegment): void {
    const header = resetFor(segment);
    const route = { source: packet.destination, destination: packet.source };
    if (header) this.#host.writer.tcp(route, { header, payload: [], payloadLength: 0, maximumSegmentSize: 0 });
  }
}

function endsOf({ source, destination }: IpPacket, { sourcePort, destinationPort }: TcpSegment) {
  return {
    route: { source: copyAddress(destination), destination: copyAddress(source) },
    ports: { sandbox: sourcePort, remote: destinationPort },
  };
}

function settingsOf({ pool }: FlowHost, { mtu }: Network, ipHeader: number): TcpSettings {
  return tcpSettings({
    pool,
    maximumSegmentSize: mtu - ipHeader - TCP_HEADER,
    maximumBurst: MOST_PACKET - ipHeader - TCP_HEADER,
    timeWait: TIME_WAIT,
  });
}
