// Packets to the sandbox: Ethernet, IP and transport headers in one small buffer, the payload where it lies. No payload byte is summed
// or copied here: a TCP segment or UDP datagram says by its virtio_net_hdr where the kernel is to complete the checksum, and either
// may be several in one, for the kernel to cut (virtio 1.2, section 5.1.6.2).
import type { Device } from "../device/device.ts";
import { ARP_LENGTH, type ArpPacket, emitArp } from "../wire/arp.ts";
import { pseudoHeaderSum } from "../wire/checksum.ts";
import { ETHER_TYPE, ETHERNET_HEADER_LENGTH, emitEthernet } from "../wire/ethernet.ts";
import { ipHeaderLength } from "../wire/ip.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { type Fragment, IP_PROTOCOL } from "../wire/ip_packet.ts";
import { emitIpv4 } from "../wire/ipv4.ts";
import { emitIpv6 } from "../wire/ipv6.ts";
import type { MacAddress } from "../wire/mac_address.ts";
import { put16 } from "../wire/network_order.ts";
import { emitTcp, TCP_CHECKSUM_OFFSET, type TcpHeader } from "../wire/tcp.ts";
import { emitUdp, UDP_CHECKSUM_OFFSET, UDP_HEADER_LENGTH, type UdpHeader } from "../wire/udp.ts";
import {
  emitVirtioNetHdr,
  NO_OFFLOAD,
  VIRTIO_NET_HDR_FLAG,
  VIRTIO_NET_HDR_GSO,
  VIRTIO_NET_HDR_LENGTH,
} from "../wire/virtio_net_hdr.ts";

export type FrameSink = Pick<Device, "header" | "write" | "segmentDatagrams">;

const IP_AT = VIRTIO_NET_HDR_LENGTH + ETHERNET_HEADER_LENGTH;
const HOP_LIMIT = 64;
const NOTHING: readonly Uint8Array[] = [];

/** From whom to whom: an address of ours or of a host beyond, and one of the sandbox's. */
export type Route = { readonly source: IpAddress; readonly destination: IpAddress };

export type TcpBurst = {
  readonly header: TcpHeader;
  readonly payload: readonly Uint8Array[];
  readonly payloadLength: number;
  /** Payload bytes of one segment on the wire. */
  readonly maximumSegmentSize: number;
};

export class FrameWriter {
  readonly #sink: FrameSink;
  readonly #own: MacAddress;
  /** The sandbox's, as its last frame had it. */
  peer: MacAddress;
  #identification = 0;

  constructor(sink: FrameSink, own: MacAddress, peer: MacAddress) {
    this.#sink = sink;
    this.#own = own;
    this.peer = peer;
  }

  tcp(route: Route, { header, payload, payloadLength, maximumSegmentSize }: TcpBurst): void {
    const at = IP_AT + ipHeaderLength(route);
    const { header: into } = this.#sink;
    const headerLength = emitTcp(header, into, at);
    const length = headerLength + payloadLength;
    put16(into, at + TCP_CHECKSUM_OFFSET, pseudoHeaderSum(route, IP_PROTOCOL.TCP, length));
    this.#begin(route, IP_PROTOCOL.TCP, length);
    const gsoType = route.source.family === 4 ? VIRTIO_NET_HDR_GSO.TCPV4 : VIRTIO_NET_HDR_GSO.TCPV6;
    const gsoSize = payloadLength > maximumSegmentSize ? maximumSegmentSize : 0;
    this.#offload(at, TCP_CHECKSUM_OFFSET, gsoType, gsoSize, at + headerLength - VIRTIO_NET_HDR_LENGTH);
    this.#sink.write(at + headerLength, payload);
  }

  /** Whether {@link udpSegments} takes several datagrams; from now on the sandbox may send such ones, too. */
  segmentDatagrams(): boolean {
    return this.#sink.segmentDatagrams?.() ?? false;
  }

  /** A datagram that fits the MTU. */
  udp(route: Route, header: UdpHeader, payload: Uint8Array): void {
    this.udpSegments(route, header, [payload], payload.length, payload.length);
  }

  /** Datagrams of `segmentSize` bytes each, the last one of what is left; their headers say of all what they would of one (virtio 1.2). */
  udpSegments(
    route: Route,
    header: UdpHeader,
    payload: readonly Uint8Array[],
    payloadLength: number,
    segmentSize: number,
  ): void {
    const at = IP_AT + ipHeaderLength(route);
    const { header: into } = this.#sink;
    const length = payloadLength + emitUdp(header, payloadLength, into, at);
    put16(into, at + UDP_CHECKSUM_OFFSET, pseudoHeaderSum(route, IP_PROTOCOL.UDP, length));
    this.#begin(route, IP_PROTOCOL.UDP, length);
    const end = at + UDP_HEADER_LENGTH;
    const gsoSize = payloadLength > segmentSize ? segmentSize : 0;
    const hdrLen = gsoSize === 0 ? 0 : end - VIRTIO_NET_HDR_LENGTH;
    this.#offload(at, UDP_CHECKSUM_OFFSET, VIRTIO_NET_HDR_GSO.UDP_L4, gsoSize, hdrLen);
    this.#sink.write(end, payload);
  }

  /** An IP packet whose upper layer is complete, checksum included; or a piece of one. */
  ip(route: Route, protocol: number, payload: Uint8Array, fragment?: Fragment, hopLimit = HOP_LIMIT): void {
    const end = this.#begin(route, protocol, payload.length, fragment, hopLimit);
    emitVirtioNetHdr(NO_OFFLOAD, this.#sink.header, 0);
    this.#sink.write(end, [payload]);
  }

  arp(packet: ArpPacket): void {
    const { header: into } = this.#sink;
    emitVirtioNetHdr(NO_OFFLOAD, into, 0);
    this.#ethernet(ETHER_TYPE.ARP);
    emitArp(packet, into, IP_AT);
    this.#sink.write(IP_AT + ARP_LENGTH, NOTHING);
  }

  /** Ethernet and IP headers; where they end. */
  #begin(route: Route, protocol: number, payloadLength: number, fragment?: Fragment, hopLimit = HOP_LIMIT): number {
    const { header: into } = this.#sink;
    const { source, destination } = route;
    if (source.family === 6) {
      this.#ethernet(ETHER_TYPE.IPV6);
      return IP_AT + emitIpv6({ source, destination, protocol, hopLimit, fragment }, payloadLength, into, IP_AT);
    }
    this.#ethernet(ETHER_TYPE.IPV4);
    this.#identification = (this.#identification + 1) & 0xffff;
    const identification = this.#identification;
    const dontFragment = fragment === undefined;
    const header = { source, destination, protocol, hopLimit, fragment, identification, dontFragment };
    return IP_AT + emitIpv4(header, payloadLength, into, IP_AT);
  }

  #ethernet(etherType: number): void {
    emitEthernet({ destination: this.peer, source: this.#own, etherType }, this.#sink.header, VIRTIO_NET_HDR_LENGTH);
  }

  /** Nothing is to be cut where `gsoSize` is 0. */
  #offload(transportAt: number, csumOffset: number, kind: number, gsoSize: number, hdrLen: number): void {
    const csumStart = transportAt - VIRTIO_NET_HDR_LENGTH;
    const flags = VIRTIO_NET_HDR_FLAG.NEEDS_CSUM;
    const gsoType = gsoSize === 0 ? VIRTIO_NET_HDR_GSO.NONE : kind;
    emitVirtioNetHdr({ flags, gsoType, gsoSize, hdrLen, csumStart, csumOffset, numBuffers: 0 }, this.#sink.header, 0);
  }
}
