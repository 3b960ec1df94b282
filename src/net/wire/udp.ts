// UDP: RFC 768; its checksum over IPv6: RFC 8200 section 8.1.
import { complement, isIntact, type PseudoHeader, pseudoHeaderSum, sumSlices } from "./checksum.ts";
import { IP_PROTOCOL } from "./ip_packet.ts";
import { get16, put16 } from "./network_order.ts";

export const UDP_HEADER_LENGTH = 8;
/** What csum_offset of a virtio_net_hdr is for UDP. */
export const UDP_CHECKSUM_OFFSET = 6;

const SOURCE_PORT = 0;
const DESTINATION_PORT = 2;
const LENGTH = 4;
const CHECKSUM = UDP_CHECKSUM_OFFSET;

export type UdpHeader = {
  readonly sourcePort: number;
  readonly destinationPort: number;
};

export type UdpDatagram = UdpHeader & {
  /** A view. */
  readonly payload: Uint8Array;
};

/** With `pseudo` the checksum is verified; without, it is not looked at, for offload leaves half a sum there. */
export function parseUdp(bytes: Uint8Array, pseudo?: PseudoHeader): UdpDatagram | undefined {
  const length = get16(bytes, LENGTH);
  if (length < UDP_HEADER_LENGTH || length > bytes.length) return undefined;
  if (pseudo !== undefined && !hasGoodChecksum(bytes.subarray(0, length), pseudo)) return undefined;
  return {
    sourcePort: get16(bytes, SOURCE_PORT),
    destinationPort: get16(bytes, DESTINATION_PORT),
    payload: bytes.subarray(UDP_HEADER_LENGTH, length),
  };
}

/** The header, its checksum 0: see {@link udpChecksum}. Bytes written. */
export function emitUdp(header: UdpHeader, payloadLength: number, into: Uint8Array, offset: number): number {
  put16(into, offset + SOURCE_PORT, header.sourcePort);
  put16(into, offset + DESTINATION_PORT, header.destinationPort);
  put16(into, offset + LENGTH, UDP_HEADER_LENGTH + payloadLength);
  put16(into, offset + CHECKSUM, 0);
  return UDP_HEADER_LENGTH;
}

/** The checksum of a datagram in pieces, the header (its checksum 0) first. A computed 0 is sent as all ones, for 0 says "none". */
export function udpChecksum(pieces: readonly Uint8Array[], pseudo: PseudoHeader): number {
  const length = pieces.reduce((total, piece) => total + piece.length, 0);
  return complement(sumSlices(pieces, pseudoHeaderSum(pseudo, IP_PROTOCOL.UDP, length))) || 0xffff;
}

/** None at all is good over IPv4 only (RFC 768; RFC 8200 section 8.1). */
function hasGoodChecksum(bytes: Uint8Array, pseudo: PseudoHeader): boolean {
  if (get16(bytes, CHECKSUM) === 0) return pseudo.source.family === 4;
  return isIntact(bytes, pseudoHeaderSum(pseudo, IP_PROTOCOL.UDP, bytes.length));
}
