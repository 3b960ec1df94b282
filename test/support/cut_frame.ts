// Cuts a TCP super-segment of a device with offload into frames of a segment each, as the kernel does before a wire (virtio 1.2,
// 5.1.6.2): each has its own lengths, sequence number and identification; FIN and PSH stay with the last. Checksums of TCP are left
// to be completed.
import { complement, pseudoHeaderSum, sum } from "../../src/net/wire/checksum.ts";
import { ETHERNET_HEADER_LENGTH } from "../../src/net/wire/ethernet.ts";
import { parseIp } from "../../src/net/wire/ip.ts";
import { IP_PROTOCOL } from "../../src/net/wire/ip_packet.ts";
import { get16, get32, put16, put32 } from "../../src/net/wire/network_order.ts";
import { TCP_CHECKSUM_OFFSET, TCP_FLAG } from "../../src/net/wire/tcp.ts";
import {
  emitVirtioNetHdr,
  parseVirtioNetHdr,
  VIRTIO_NET_HDR_GSO,
  VIRTIO_NET_HDR_LENGTH,
} from "../../src/net/wire/virtio_net_hdr.ts";

const IP_AT = VIRTIO_NET_HDR_LENGTH + ETHERNET_HEADER_LENGTH;
const [TOTAL_LENGTH, IDENTIFICATION, HEADER_CHECKSUM] = [2, 4, 10];
const PAYLOAD_LENGTH = 4;
const IPV6_HEADER = 40;
const [SEQUENCE_NUMBER, DATA_OFFSET, FLAGS] = [4, 12, 13];

/** Copies, in order; one of `frame` itself where it is no super-segment. */
export function cutFrame(frame: Uint8Array): readonly Uint8Array[] {
  const offload = parseVirtioNetHdr(frame);
  if (offload === undefined || offload.gsoType === VIRTIO_NET_HDR_GSO.NONE) return [frame.slice()];
  const tcpAt = VIRTIO_NET_HDR_LENGTH + offload.csumStart;
  const payloadAt = tcpAt + (((frame[tcpAt + DATA_OFFSET] ?? 0) >> 4) << 2);
  const pieces: Uint8Array[] = [];
  for (let at = payloadAt; at < frame.length; at += offload.gsoSize) {
    const end = Math.min(at + offload.gsoSize, frame.length);
    const piece = Buffer.concat([frame.subarray(0, payloadAt), frame.subarray(at, end)]);
    emitVirtioNetHdr({ ...offload, gsoType: VIRTIO_NET_HDR_GSO.NONE, gsoSize: 0 }, piece, 0);
    patch(piece, tcpAt, { index: pieces.length, offset: at - payloadAt, isLast: end === frame.length });
    pieces.push(piece);
  }
  return pieces;
}

type Place = { readonly index: number; readonly offset: number; readonly isLast: boolean };

function patch(piece: Uint8Array, tcpAt: number, { index, offset, isLast }: Place): void {
  const isIpv4 = (piece[IP_AT] ?? 0) >> 4 === 4;
  if (isIpv4) patchIpv4(piece.subarray(IP_AT), index);
  else put16(piece, IP_AT + PAYLOAD_LENGTH, piece.length - IP_AT - IPV6_HEADER);
  put32(piece, tcpAt + SEQUENCE_NUMBER, (get32(piece, tcpAt + SEQUENCE_NUMBER) + offset) >>> 0);
  if (!isLast) piece[tcpAt + FLAGS] = (piece[tcpAt + FLAGS] ?? 0) & ~(TCP_FLAG.FIN | TCP_FLAG.PSH);
  const packet = parseIp(piece.subarray(IP_AT));
  if (packet === undefined) throw new Error("a super-segment that is no IP packet");
  const pseudo = pseudoHeaderSum(packet, IP_PROTOCOL.TCP, piece.length - tcpAt);
  put16(piece, tcpAt + TCP_CHECKSUM_OFFSET, pseudo);
}

function patchIpv4(packet: Uint8Array, index: number): void {
  put16(packet, TOTAL_LENGTH, packet.length);
  put16(packet, IDENTIFICATION, (get16(packet, IDENTIFICATION) + index) & 0xffff);
  put16(packet, HEADER_CHECKSUM, 0);
  put16(packet, HEADER_CHECKSUM, complement(sum(packet.subarray(0, ((packet[0] ?? 0) & 0xf) << 2))));
}
