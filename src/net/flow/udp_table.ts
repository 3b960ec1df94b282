// The sandbox's UDP conversations: one flow for each port of its own and remote endpoint. The oldest idle one makes room for a new one.

import type { DatagramBatch } from "../../../ffi/datagram_batch.ts";
import { DatagramMessage } from "../../../ffi/datagram_message.ts";
import { ERRNO } from "../../../ffi/errno.ts";
import { cutFragments } from "../wire/fragments.ts";
import { ipHeaderLength } from "../wire/ip.ts";
import { copyAddress, type IpAddress } from "../wire/ip_address.ts";
import { IP_PROTOCOL, type IpPacket } from "../wire/ip_packet.ts";
import { put16 } from "../wire/network_order.ts";
import {
  emitUdp,
  parseUdp,
  UDP_CHECKSUM_OFFSET,
  UDP_HEADER_LENGTH,
  type UdpDatagram,
  udpChecksum,
} from "../wire/udp.ts";
import type { Egress } from "./egress.ts";
import type { FlowHost } from "./flow_host.ts";
import { FlowMap } from "./flow_map.ts";
import type { Route } from "./frame_writer.ts";
import { unreachableOf } from "./icmp_error.ts";
import { InboundUdpFlow } from "./inbound_udp_flow.ts";
import { IncomingDatagrams } from "./incoming_datagrams.ts";
import { type Network, wayTo } from "./network_way.ts";
import { type UdpConversation, type UdpEnds, UdpFlow, type UdpFlowEvents } from "./udp_flow.ts";
import { type Quoted, sendTooBig, sendUnreachable } from "./unreachable.ts";

const MOST_FLOWS = 1024;

/** Answers datagrams that are for an address of this side's. */
export type UdpService = (packet: IpPacket, datagram: UdpDatagram, now: number) => void;

export class UdpTable implements UdpFlowEvents {
  readonly #host: FlowHost;
  readonly #network: Network;
  readonly #egress: Egress;
  readonly #batch: DatagramBatch;
  readonly #message = new DatagramMessage();
  /** What is on its way to the sandbox in one call of whoever reads it. */
  readonly incoming: IncomingDatagrams;
  readonly #flows = new FlowMap<UdpConversation>();
  /** By port of the name server's or gateway's address. */
  readonly services = new Map<number, UdpService>();

  constructor(host: FlowHost, network: Network, egress: Egress, batch: DatagramBatch) {
    this.#egress = egress;
    this.#host = host;
    this.#network = network;
    this.#batch = batch;
    this.incoming = new IncomingDatagrams(host.writer);
  }

  get size(): number {
    return this.#flows.size;
  }

  /** `segmentSize`: where the packet is of several datagrams, how long each is but the last; else 0. */
  packet(packet: IpPacket, segmentSize: number, now: number): void {
    const datagram = parseUdp(packet.payload);
    if (datagram === undefined) return;
    if (this.#network.addresses.isOurs(packet.destination)) {
      const service = this.services.get(datagram.destinationPort);
      if (service !== undefined) return serveEach(service, packet, datagram, segmentSize, now);
    }
    const { destination } = packet;
    const known = this.#flows.get(destination, datagram.destinationPort, datagram.sourcePort);
    (known ?? this.#open(packet, datagram, now))?.send(datagram.payload, now, segmentSize);
  }

  refused({ ends }: UdpConversation, errno: number): void {
    if (errno === ERRNO.EMSGSIZE) return;
    sendUnreachable(this.#host.writer, quoted(ends), unreachableOf(errno));
  }

  tooBig({ ends }: UdpFlow, mtu: number): void {
    if (mtu > 0 && mtu < this.#network.mtu) sendTooBig(this.#host.writer, quoted(ends), mtu);
  }

  large({ ends }: UdpConversation, payload: Uint8Array): void {
    const { local, remote, localPort, remotePort } = ends;
    const route: Route = { source: remote, destination: local };
    const datagram = new Uint8Array(UDP_HEADER_LENGTH + payload.length);
    emitUdp({ sourcePort: remotePort, destinationPort: localPort }, payload.length, datagram, 0);
    datagram.set(payload, UDP_HEADER_LENGTH);
    put16(datagram, UDP_CHECKSUM_OFFSET, udpChecksum([datagram], route));
    const { mtu } = this.#network;
    for (const { fragment, length } of cutFragments(local.family, datagram.length, mtu, this.#host.random())) {
      const piece = datagram.subarray(fragment.offset, fragment.offset + length);
      this.#host.writer.ip(route, IP_PROTOCOL.UDP, piece, fragment);
    }
  }

  closed(flow: UdpConversation): void {
    const { remote, remotePort, localPort } = flow.ends;
    this.#flows.delete(remote, remotePort, localPort, flow);
    const now = this.#host.now();
    if (flow instanceof UdpFlow) this.#egress.ended(remote, remotePort, "udp", flow, now);
    else if (flow instanceof InboundUdpFlow) this.#egress.servedEnded(flow.client, localPort, "udp", flow, now);
  }

  isTaken(remote: IpAddress, remotePort: number, localPort: number): boolean {
    return this.#flows.get(remote, remotePort, localPort) !== undefined;
  }

  /** What the sandbox sends to its remote end goes to it from now on. */
  adopt(flow: UdpConversation): void {
    this.#host.writer.segmentDatagrams();
    if (this.#flows.size >= MOST_FLOWS) this.#oldest()?.close();
    this.#flows.set(flow.ends.remote, flow.ends.remotePort, flow.ends.localPort, flow);
  }

  close(): void {
    for (const flow of [...this.#flows]) flow.close();
  }

  #open(packet: IpPacket, { destinationPort, sourcePort }: UdpDatagram, now: number): UdpFlow | undefined {
    const verdict = this.#egress.decide(packet.destination, destinationPort, "udp", now);
    const target = wayTo(this.#network, packet.destination);
    if (target === undefined || verdict.kind !== "allow") {
      this.#refuse(packet, verdict.kind === "allow" ? ERRNO.ECONNREFUSED : ERRNO.EACCES);
      return undefined;
    }
    const remote = copyAddress(packet.destination);
    const local = copyAddress(packet.source);
    const ends = { local, localPort: sourcePort, remote, remotePort: destinationPort, target: copyAddress(target) };
    const largest = this.#network.mtu - ipHeaderLength(packet) - UDP_HEADER_LENGTH;
    const [batch, message, incoming] = [this.#batch, this.#message, this.incoming];
    const flow = UdpFlow.open(this.#host, ends, this, { batch, message, incoming, largest }, now);
    if (typeof flow === "number") {
      this.#refuse(packet, flow);
      return undefined;
    }
    this.adopt(flow);
    return flow;
  }

  #refuse(packet: IpPacket, errno: number): void {
    const payload = packet.payload.subarray(0, UDP_HEADER_LENGTH);
    sendUnreachable(this.#host.writer, { route: packet, protocol: IP_PROTOCOL.UDP, payload }, unreachableOf(errno));
  }

  #oldest(): UdpConversation | undefined {
    let oldest: UdpConversation | undefined;
    for (const flow of this.#flows) if (oldest === undefined || flow.lastUsed < oldest.lastUsed) oldest = flow;
    return oldest;
  }
}

function serveEach(
  service: UdpService,
  packet: IpPacket,
  datagram: UdpDatagram,
  segmentSize: number,
  now: number,
): void {
  const { payload } = datagram;
  const size = segmentSize || payload.length || 1;
  for (let at = 0; at === 0 || at < payload.length; at += size)
    service(packet, { ...datagram, payload: payload.subarray(at, at + size) }, now);
}

/** A datagram of the flow's, as far as an ICMP error has to show it: its ports tell whose it was. */
function quoted({ local, remote, localPort, remotePort }: UdpEnds): Quoted {
  const payload = new Uint8Array(UDP_HEADER_LENGTH);
  for (const [at, port] of [localPort, remotePort].entries()) payload.set([port >> 8, port & 0xff], at * 2);
  payload[5] = UDP_HEADER_LENGTH;
  return { route: { source: local, destination: remote }, protocol: IP_PROTOCOL.UDP, payload };
}
