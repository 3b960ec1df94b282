// The other end of the sandbox's network: takes its frames, keeps its flows, answers for the gateway and the name server. Nothing here
// waits: turn() does what is due and comes back, next says when something will be.
//
//   device ──► Ethernet ──► ARP: answered
//                     └──► IPv4, IPv6 ──► TCP ──► TcpFlow ──► host socket
//                                    ├──► UDP ──► UdpFlow ──► host socket; the name server's port 53 ──► NameService
//                                    └──► ICMP ─► EchoFlow ─► ping socket; the gateway answers by itself
//
// Packets that are not from the sandbox's own addresses, or are no packets, are dropped without a word.
import { PinnedBuffer } from "../../../ffi/pinned_buffer.ts";
import { IoVector } from "../../../ffi/vector_io.ts";
import { BlockPool } from "../tcp/block_pool.ts";
import { ARP_OPERATION, parseArp } from "../wire/arp.ts";
import { ETHER_TYPE, parseEthernet } from "../wire/ethernet.ts";
import { FragmentReassembler } from "../wire/fragments.ts";
import { GATEWAY_MAC } from "../wire/gateway_mac.ts";
import { IP_PROTOCOL, type IpPacket } from "../wire/ip_packet.ts";
import { parseIpv4 } from "../wire/ipv4.ts";
import { parseIpv6 } from "../wire/ipv6.ts";
import { getMacAddress, isGroupMac, type MacAddress } from "../wire/mac_address.ts";
import { VIRTIO_NET_HDR_LENGTH } from "../wire/virtio_net_hdr.ts";
import { EchoTable } from "./echo_table.ts";
import type { FlowHost, Pumped } from "./flow_host.ts";
import { type FrameSink, FrameWriter } from "./frame_writer.ts";
import type { NetworkAddresses } from "./network_addresses.ts";
import { Reactor, type Ready } from "./reactor.ts";
import { TcpTable } from "./tcp_table.ts";
import { Timers } from "./timers.ts";
import { UdpTable } from "./udp_table.ts";

/** Frames to and from the sandbox. */
export type Device = FrameSink & {
  readonly fd: number;
  /** A view of the next frame with its virtio_net_hdr, valid until the next call; `undefined` when there is none. */
  read(): Uint8Array | undefined;
};

export type StackOptions = {
  readonly device: Device;
  readonly addresses: NetworkAddresses;
  readonly mtu: number;
  /** The host's loopback answers at the gateway's address. */
  readonly hostLoopback: boolean;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** A random unsigned number of 32 bits. */
  readonly random: () => number;
};

const OWN_MAC: MacAddress = getMacAddress(GATEWAY_MAC, 0);
const BROADCAST: MacAddress = 0xffffffffffff;
/** Frames of one round: then others have their turn. */
const MOST_FRAMES = 64;
/** 4 MiB of 64 KiB: what many busy flows share. */
const AMPLE_BLOCKS = 64;
const DATAGRAM_BYTES = 65_536;
/** 16 of the largest datagrams at a time; 30 s is what Linux waits for their pieces (net.ipv4.ipfrag_time). */
const REASSEMBLY = { datagrams: 64, bytes: 1 << 20, timeout: 30_000 } as const;

export class Stack implements Disposable, Ready {
  readonly #device: Device;
  readonly #addresses: NetworkAddresses;
  readonly #now: () => number;
  readonly #reactor = new Reactor();
  readonly #timers = new Timers();
  readonly #writer: FrameWriter;
  readonly #due = new Set<Pumped>();
  readonly #pieces = new FragmentReassembler(REASSEMBLY);
  readonly #tcp: TcpTable;
  readonly #udp: UdpTable;
  readonly #echo: EchoTable;
  #round = 0;
  /** The last one in which the device was ready. */
  #deviceRound = 0;

  constructor({ device, addresses, mtu, hostLoopback, now, random }: StackOptions) {
    this.#device = device;
    this.#addresses = addresses;
    this.#now = now;
    this.#writer = new FrameWriter(device, OWN_MAC, BROADCAST);
    const host: FlowHost = {
      writer: this.#writer,
      reactor: this.#reactor,
      timers: this.#timers,
      pool: new BlockPool({ ample: AMPLE_BLOCKS, cached: 2 * AMPLE_BLOCKS }),
      schedule: (flow) => this.#due.add(flow),
      random,
    };
    const buffer = new PinnedBuffer(DATAGRAM_BYTES);
    const network = { addresses, mtu, hostLoopback };
    this.#tcp = new TcpTable(host, network, new IoVector(32));
    this.#udp = new UdpTable(host, network, buffer);
    this.#echo = new EchoTable(host, network, buffer);
    this.#reactor.add(device.fd, this);
  }

  /** Readable when {@link turn} has something to do. */
  get fd(): number {
    return this.#reactor.fd;
  }

  /** In how many milliseconds it has, whatever happens. */
  get timeout(): number {
    if (this.#due.size > 0) return 0;
    const next = this.#timers.next;
    return next === undefined ? Number.POSITIVE_INFINITY : Math.max(0, next - this.#now());
  }

  /** To have the loop wait for a descriptor of somebody else's, too. */
  watch(fd: number, ready: () => void): void {
    this.#reactor.add(fd, { ready });
  }

  /** Does what is due, after waiting for that so many milliseconds at most. */
  turn(milliseconds = 0): void {
    this.#reactor.wait(milliseconds);
    const now = this.#now();
    this.#round++;
    this.#reactor.dispatch(now);
    this.#timers.expire(now);
    if ((this.#pieces.nextExpiry ?? Number.POSITIVE_INFINITY) <= now) this.#pieces.expire(now);
    const due = [...this.#due];
    this.#due.clear();
    for (const flow of due) flow.pump(now);
  }

  /** The device has frames: one, most likely, unless it had some a round ago. To find that there is no other is a call, too. */
  ready(_events: number, now: number): void {
    const most = this.#deviceRound === this.#round - 1 ? MOST_FRAMES : 1;
    this.#deviceRound = this.#round;
    for (let i = 0; i < most; i++) {
      const frame = this.#device.read();
      if (frame === undefined) return;
      this.#frame(frame.subarray(VIRTIO_NET_HDR_LENGTH), now);
    }
  }

  [Symbol.dispose](): void {
    for (const table of [this.#tcp, this.#udp, this.#echo]) table.close();
    this.#reactor[Symbol.dispose]();
  }

  #frame(bytes: Uint8Array, now: number): void {
    const frame = parseEthernet(bytes);
    if (frame === undefined || (frame.destination !== OWN_MAC && !isGroupMac(frame.destination))) return;
    switch (frame.etherType) {
      case ETHER_TYPE.ARP:
        return this.#arp(frame.payload);
      case ETHER_TYPE.IPV4:
        return this.#packet(parseIpv4(frame.payload), frame.source, now);
      case ETHER_TYPE.IPV6:
        return this.#packet(parseIpv6(frame.payload), frame.source, now);
    }
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

  #packet(piece: IpPacket | undefined, source: MacAddress, now: number): void {
    if (piece === undefined || !this.#addresses.isSandbox(piece.source)) return;
    this.#writer.peer = source;
    const packet = piece.fragment === undefined ? piece : this.#pieces.push(piece, now);
    if (packet === undefined) return;
    switch (packet.protocol) {
      case IP_PROTOCOL.TCP:
        return this.#tcp.packet(packet, now);
      case IP_PROTOCOL.UDP:
        return this.#udp.packet(packet, now);
      case IP_PROTOCOL.ICMP:
      case IP_PROTOCOL.ICMPV6:
        return this.#echo.packet(packet, now);
    }
  }
}
