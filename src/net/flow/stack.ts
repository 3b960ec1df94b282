// The other end of the sandbox's network: takes its frames, keeps its flows, answers for the gateway and the name server. Nothing here
// waits: turn() does what is due and comes back, next says when something will be.
//
//   device ──► Ethernet ──► ARP: answered
//                     └──► IPv4, IPv6 ──► TCP ──► TcpFlow ──► host socket
//                                    ├──► UDP ──► UdpFlow ──► host socket; the name server's port 53 ──► NameService
//                                    └──► ICMP ─► EchoFlow ─► ping socket; the gateway answers by itself
//   published port ──► TcpPublisher ──► TcpFlow, UdpPublisher ──► InboundUdpFlow ──► device
//
// Packets that are not from the sandbox's own addresses, or are no packets, are dropped without a word.
import { DatagramBatch } from "../../../ffi/datagram_batch.ts";
import { PinnedBuffer } from "../../../ffi/pinned_buffer.ts";
import { IoVector } from "../../../ffi/vector_io.ts";
import type { Device } from "../device/device.ts";
import type { HostsTable } from "../dns/hosts_file.ts";
import { BlockPool } from "../tcp/block_pool.ts";
import { ARP_OPERATION, parseArp } from "../wire/arp.ts";
import { ETHER_TYPE, parseEthernet } from "../wire/ethernet.ts";
import { FragmentReassembler } from "../wire/fragments.ts";
import { GATEWAY_MAC } from "../wire/gateway_mac.ts";
import { IP_PROTOCOL, type IpPacket } from "../wire/ip_packet.ts";
import { parseIpv4 } from "../wire/ipv4.ts";
import { parseIpv6 } from "../wire/ipv6.ts";
import { BROADCAST_MAC, getMacAddress, isGroupMac, type MacAddress } from "../wire/mac_address.ts";
import { datagramSegmentSize, VIRTIO_NET_HDR_LENGTH } from "../wire/virtio_net_hdr.ts";
import { DhcpService } from "./dhcp_service.ts";
import { EchoTable } from "./echo_table.ts";
import type { Egress } from "./egress.ts";
import type { FlowHost, Pumped } from "./flow_host.ts";
import { FrameWriter } from "./frame_writer.ts";
import { IdleCollection } from "./idle_collection.ts";
import { DNS_PORT, NameService, type NameSettings } from "./name_service.ts";
import { answerNeighbour } from "./neighbour_service.ts";
import type { NetworkAddresses } from "./network_addresses.ts";
import type { Network } from "./network_way.ts";
import { type BoundPort, PublishedPorts } from "./publish.ts";
import { Reactor, type Ready } from "./reactor.ts";
import { TcpTable } from "./tcp_table.ts";
import { Timers } from "./timers.ts";
import { MOST_AT_ONCE } from "./udp_flow.ts";
import { UdpTable } from "./udp_table.ts";

export type StackOptions = {
  readonly device: Device;
  readonly addresses: NetworkAddresses;
  readonly mtu: number;
  readonly egress: Egress;
  readonly names: NameSettings;
  /** Ports of the host's that lead into the sandbox; their sockets are taken over. */
  readonly published?: readonly BoundPort[];
  /** The sandbox's, where it is known before its first frame. */
  readonly sandboxMac?: MacAddress;
  /** Of all TCP connections' queues. */
  readonly pool?: BlockPool;
  /** A frame that was read from the device before there was a stack. */
  readonly first?: Uint8Array | undefined;
  /** To have somebody else work in the same loop, for as long as the stack does. */
  readonly join?: ((host: FlowHost, network: Network) => Disposable) | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** A random unsigned number of 32 bits. */
  readonly random: () => number;
  /** Collects garbage. */
  readonly collect?: () => void;
};

const OWN_MAC: MacAddress = getMacAddress(GATEWAY_MAC, 0);
/** Frames of one round: then others have their turn. */
const MOST_FRAMES = 64;
/** A connection's beginning, a request and its acknowledgment come one by one. */
const FEW_ROUNDS = 2;
/** 2 MiB of 64 KiB: what many busy flows share. */
const AMPLE_BLOCKS = 32;
const DATAGRAM_BYTES = 65_536;
/** 16 of the largest datagrams at a time; 30 s is what Linux waits for their pieces (net.ipv4.ipfrag_time). */
const REASSEMBLY = { datagrams: 64, bytes: 1 << 20, timeout: 30_000 } as const;

export class Stack implements Disposable, Ready {
  readonly #device: Device;
  readonly #addresses: NetworkAddresses;
  readonly #now: () => number;
  readonly #reactor: Reactor;
  readonly #timers = new Timers();
  readonly #writer: FrameWriter;
  readonly #due = new Set<Pumped>();
  /** Without a block to read into. */
  readonly #starved = new Set<Pumped>();
  readonly #pool: BlockPool;
  readonly #pieces = new FragmentReassembler(REASSEMBLY);
  readonly #tcp: TcpTable;
  readonly #udp: UdpTable;
  readonly #echo: EchoTable;
  readonly #names: NameService;
  readonly #dhcp: DhcpService | undefined;
  readonly #mtu: number;
  readonly #collection: IdleCollection;
  /** Of the host's, that lead into the sandbox. */
  readonly ports: PublishedPorts;
  readonly #joined: Disposable | undefined;
  #round = 0;
  /** The last one in which the device was ready, and how many there were up to that, one after the other. */
  #deviceRound = 0;
  #deviceRounds = 0;

  constructor(options: StackOptions) {
    const {
      device,
      addresses,
      mtu,
      egress,
      names,
      now,
      random,
      published = [],
      first,
      sandboxMac = BROADCAST_MAC,
    } = options;
    this.#pool = options.pool ?? new BlockPool({ ample: AMPLE_BLOCKS, cached: 4 * AMPLE_BLOCKS });
    this.#device = device;
    this.#addresses = addresses;
    this.#now = now;
    this.#reactor = new Reactor(now);
    this.#writer = new FrameWriter(device, OWN_MAC, sandboxMac);
    const host: FlowHost = {
      writer: this.#writer,
      reactor: this.#reactor,
      timers: this.#timers,
      pool: this.#pool,
      schedule: (flow) => this.#due.add(flow),
      starve: (flow) => this.#starved.add(flow),
      now,
      random,
    };
    const buffer = new PinnedBuffer(DATAGRAM_BYTES);
    const batch = new DatagramBatch(MOST_AT_ONCE, DATAGRAM_BYTES);
    const network = { addresses, mtu, hostLoopback: egress.policy.hostLoopback };
    const ipv4 = addresses.of(4);
    this.#mtu = mtu;
    this.#collection = new IdleCollection(options.collect ?? (() => {}));
    this.#dhcp = ipv4 && new DhcpService(this.#writer, ipv4, mtu);
    this.#names = new NameService(host, egress, names, buffer);
    this.#tcp = new TcpTable(host, network, egress, this.#names, new IoVector(32));
    this.#udp = new UdpTable(host, network, egress, batch);
    this.#udp.services.set(DNS_PORT, (packet, datagram, now) => this.#names.datagram(packet, datagram, now));
    this.#echo = new EchoTable(host, network, egress, batch);
    this.ports = new PublishedPorts(host, network, { tcp: this.#tcp, udp: this.#udp }, batch);
    for (const port of published) this.ports.add(port);
    this.#reactor.add(device.fd, this);
    this.#joined = options.join?.(host, network);
    if (first !== undefined) this.#frame(first, now());
  }

  /** Readable when {@link turn} has something to do. */
  get fd(): number {
    return this.#reactor.fd;
  }

  /** In how many milliseconds it has, whatever happens. */
  get timeout(): number {
    if (this.#due.size > 0 || (this.#starved.size > 0 && this.#pool.freeBytes > 0)) return 0;
    const next = Math.min(this.#timers.next ?? Number.POSITIVE_INFINITY, this.#device.due ?? Number.POSITIVE_INFINITY);
    return next === Number.POSITIVE_INFINITY ? next : Math.max(0, next - this.#now());
  }

  /** How many there are. */
  get flows(): number {
    return this.#tcp.size + this.#udp.size + this.#echo.size;
  }

  /** Changes as bytes of the sandbox are passed on; `undefined` while all its connections have been ended by it, and that passed on. */
  get passing(): number | undefined {
    return this.#tcp.passing;
  }

  /** The sandbox had a frame in the last round: it may have another. */
  get isBusy(): boolean {
    return this.#deviceRound === this.#round;
  }

  /** In place of what `names.own` was: members of the network have come or gone. */
  setOwnNames(own: HostsTable): void {
    this.#names.setOwnNames(own);
  }

  /** To have the loop wait for a descriptor of somebody else's, too; until what is returned is called. */
  watch(fd: number, ready: () => void): () => void {
    const token = this.#reactor.add(fd, { ready });
    return () => this.#reactor.remove(fd, token);
  }

  /** Lets go of memory that is kept for what may come. */
  giveBack(): void {
    this.#pool.forget();
  }

  /** Does what is due, after waiting for that so many milliseconds at most. */
  turn(milliseconds = 0): void {
    this.#reactor.wait(milliseconds);
    const now = this.#now();
    this.#round++;
    this.#reactor.dispatch(now);
    if ((this.#device.due ?? Number.POSITIVE_INFINITY) <= now) this.ready(0, now);
    this.#timers.expire(now);
    if ((this.#pieces.nextExpiry ?? Number.POSITIVE_INFINITY) <= now) this.#pieces.expire(now);
    this.#feed();
    const due = [...this.#due];
    this.#due.clear();
    for (const flow of due) flow.pump(now);
    if (this.#collection.note(this.#tcp.size, now)) this.#timers.update(this.#collection);
  }

  /** The device has frames: one, most likely, unless it has had some for a while. To find that there is no other is a call, too. */
  ready(_events: number, now: number): void {
    this.#deviceRounds = this.#deviceRound === this.#round - 1 ? this.#deviceRounds + 1 : 1;
    this.#deviceRound = this.#round;
    const most = this.#deviceRounds > FEW_ROUNDS ? MOST_FRAMES : 1;
    for (let i = 0; i < most; i++) {
      const frame = this.#device.read();
      if (frame === undefined) return;
      this.#frame(frame, now);
    }
  }

  [Symbol.dispose](): void {
    this.#joined?.[Symbol.dispose]();
    this.ports[Symbol.dispose]();
    for (const table of [this.#tcp, this.#udp, this.#echo, this.#names]) table.close();
    this.#reactor[Symbol.dispose]();
  }

  /** Those that have waited longest for a block, as many as there are blocks. */
  #feed(): void {
    let blocks = this.#pool.freeBytes / this.#pool.blockSize;
    for (const flow of this.#starved) {
      if (blocks-- <= 0) return;
      this.#starved.delete(flow);
      this.#due.add(flow);
    }
  }

  #frame(bytes: Uint8Array, now: number): void {
    const frame = parseEthernet(bytes.subarray(VIRTIO_NET_HDR_LENGTH));
    if (frame === undefined || (frame.destination !== OWN_MAC && !isGroupMac(frame.destination))) return;
    switch (frame.etherType) {
      case ETHER_TYPE.ARP:
        return this.#arp(frame.payload);
      case ETHER_TYPE.IPV4:
        return this.#packet(parseIpv4(frame.payload), frame.source, bytes, now);
      case ETHER_TYPE.IPV6:
        return this.#packet(parseIpv6(frame.payload), frame.source, bytes, now);
    }
  }

  /** What sets a link up may come from addresses that are not the sandbox's yet. */
  #isOfLink(packet: IpPacket, source: MacAddress): boolean {
    if (packet.protocol !== IP_PROTOCOL.ICMPV6 && !mayBeDhcp(packet)) return false;
    const known = this.#writer.peer;
    this.#writer.peer = source;
    if (this.#dhcp?.packet(packet) || answerNeighbour(this.#writer, this.#addresses, this.#mtu, packet)) return true;
    this.#writer.peer = known;
    return false;
  }

  #arp(bytes: Uint8Array): void {
    const request = parseArp(bytes);
    if (request?.operation !== ARP_OPERATION.REQUEST || !this.#addresses.isOurs(request.targetProtocolAddress)) return;
    this.#writer.peer = request.senderHardwareAddress;
    this.#writer.arp({
      operation: ARP_OPERATION.REPLY,
      senderHardwareAddress: OWN_MAC,
      senderProtocolAddress: request.targetProtocolAddress,
      targetHardwareAddress: request.senderHardwareAddress,
      targetProtocolAddress: request.senderProtocolAddress,
    });
  }

  #packet(piece: IpPacket | undefined, source: MacAddress, frame: Uint8Array, now: number): void {
    if (piece === undefined || this.#isOfLink(piece, source) || !this.#addresses.isSandbox(piece.source)) return;
    this.#writer.peer = source;
    const packet = piece.fragment === undefined ? piece : this.#pieces.push(piece, now);
    if (packet === undefined) return;
    switch (packet.protocol) {
      case IP_PROTOCOL.TCP:
        return this.#tcp.packet(packet, now);
      case IP_PROTOCOL.UDP:
        return this.#udp.packet(packet, packet === piece ? datagramSegmentSize(frame) : 0, now);
      case IP_PROTOCOL.ICMP:
      case IP_PROTOCOL.ICMPV6:
        return this.#echo.packet(packet, now);
    }
  }
}

/** A client that has no address asks everybody, one that has asks the server (RFC 2131 section 4.1): neither is far away. */
function mayBeDhcp({ protocol, source, destination }: IpPacket): boolean {
  const isNear = destination.bytes[0] === 255 || destination.bytes[0] === source.bytes[0];
  return protocol === IP_PROTOCOL.UDP && source.family === 4 && isNear;
}
