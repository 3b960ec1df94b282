// The TCP header: RFC 9293 section 3.1; its options are tcp_options.ts.
import { complement, isIntact, type PseudoHeader, pseudoHeaderSum, sumSlices } from "./checksum.ts";
import { IP_PROTOCOL } from "./ip_packet.ts";
import { get16, get32, put16, put32 } from "./network_order.ts";
import { emitTcpOptions, parseTcpOptions, type TcpOptions, tcpOptionsLength } from "./tcp_options.ts";

export type { TcpOptions } from "./tcp_options.ts";

/** What csum_offset of a virtio_net_hdr is for TCP. */
export const TCP_CHECKSUM_OFFSET = 16;

const NOTHING = new Uint8Array(0);
/** Without options. */
const LEAST_LENGTH = 20;

const SOURCE_PORT = 0;
const DESTINATION_PORT = 2;
const SEQUENCE_NUMBER = 4;
const ACKNOWLEDGMENT_NUMBER = 8;
const DATA_OFFSET = 12;
const FLAGS = 13;
const WINDOW = 14;
const CHECKSUM = TCP_CHECKSUM_OFFSET;
const URGENT_POINTER = 18;

export const TCP_FLAG = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16, URG: 32, ECE: 64, CWR: 128 } as const;

export type TcpHeader = {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Unsigned 32 bits. */
  readonly sequenceNumber: number;
  /** Unsigned 32 bits. */
  readonly acknowledgmentNumber: number;
  readonly flags: number;
  /** As on the wire: 16 bits, not scaled. */
  readonly window: number;
  readonly options: TcpOptions;
};

export type TcpSegment = TcpHeader & {
  /** A view of the frame, valid until the next read. */
  readonly payload: Uint8Array;
};

/** With `pseudo` the checksum is verified; without, it is not looked at, for offload leaves half a sum there. */
export function parseTcp(bytes: Uint8Array, pseudo?: PseudoHeader): TcpSegment | undefined {
  const headerLength = ((bytes[DATA_OFFSET] ?? 0) >> 4) << 2;
  if (headerLength < LEAST_LENGTH || headerLength > bytes.length) return undefined;
  if (pseudo !== undefined && !isIntact(bytes, pseudoHeaderSum(pseudo, IP_PROTOCOL.TCP, bytes.length)))
    return undefined;
  return {
    sourcePort: get16(bytes, SOURCE_PORT),
    destinationPort: get16(bytes, DESTINATION_PORT),
    sequenceNumber: get32(bytes, SEQUENCE_NUMBER),
    acknowledgmentNumber: get32(bytes, ACKNOWLEDGMENT_NUMBER),
    flags: bytes[FLAGS] ?? 0,
    window: get16(bytes, WINDOW),
    options: parseTcpOptions(bytes, LEAST_LENGTH, headerLength),
    payload: headerLength === bytes.length ? NOTHING : bytes.subarray(headerLength),
  };
}

/** Bytes of the header, its options padded to a multiple of 4. */
export function tcpHeaderLength(header: TcpHeader): number {
  return LEAST_LENGTH + tcpOptionsLength(header.options);
}

/** The header with options, its checksum and urgent pointer 0: see {@link tcpChecksum}. Bytes written. */
export function emitTcp(header: TcpHeader, into: Uint8Array, offset: number): number {
  const length = LEAST_LENGTH + emitTcpOptions(header.options, into, offset + LEAST_LENGTH);
  put16(into, offset + SOURCE_PORT, header.sourcePort);
  put16(into, offset + DESTINATION_PORT, header.destinationPort);
  put32(into, offset + SEQUENCE_NUMBER, header.sequenceNumber);
  put32(into, offset + ACKNOWLEDGMENT_NUMBER, header.acknowledgmentNumber);
  into[offset + DATA_OFFSET] = (length >> 2) << 4;
  into[offset + FLAGS] = header.flags;
  put16(into, offset + WINDOW, header.window);
  put16(into, offset + CHECKSUM, 0);
  put16(into, offset + URGENT_POINTER, 0);
  return length;
}

/** The checksum of a segment in pieces, the header (its checksum 0) first: for frames that are sent without offload. */
export function tcpChecksum(pieces: readonly Uint8Array[], pseudo: PseudoHeader): number {
  const length = pieces.reduce((total, piece) => total + piece.length, 0);
  return complement(sumSlices(pieces, pseudoHeaderSum(pseudo, IP_PROTOCOL.TCP, length)));
}
