// struct virtio_net_hdr_v1, which a TAP device with IFF_VNET_HDR puts in front of each frame (virtio 1.2, section 5.1.6;
// linux/virtio_net.h). It says what offload left undone: a checksum to complete, a segment to cut. Little-endian, unlike all else here.

/** struct virtio_net_hdr_v1, what TUNSETVNETHDRSZ is told. */
export const VIRTIO_NET_HDR_LENGTH = 12;

const FLAGS = 0;
const GSO_TYPE = 1;
const HDR_LEN = 2;
const GSO_SIZE = 4;
const CSUM_START = 6;
const CSUM_OFFSET = 8;
const NUM_BUFFERS = 10;

export const VIRTIO_NET_HDR_FLAG = { NEEDS_CSUM: 1, DATA_VALID: 2 } as const;

/** ECN is a bit beside the type. */
export const VIRTIO_NET_HDR_GSO = { NONE: 0, TCPV4: 1, UDP: 3, TCPV6: 4, UDP_L4: 5, ECN: 0x80 } as const;

export type VirtioNetHdr = {
  readonly flags: number;
  readonly gsoType: number;
  /** Bytes of Ethernet, IP and transport headers; a hint. */
  readonly hdrLen: number;
  /** Payload bytes of each segment to cut. */
  readonly gsoSize: number;
  /** From the frame's first byte: where to sum from. */
  readonly csumStart: number;
  /** From `csumStart`: where to put the checksum. */
  readonly csumOffset: number;
  readonly numBuffers: number;
};

export const NO_OFFLOAD: VirtioNetHdr = {
  flags: 0,
  gsoType: VIRTIO_NET_HDR_GSO.NONE,
  hdrLen: 0,
  gsoSize: 0,
  csumStart: 0,
  csumOffset: 0,
  numBuffers: 0,
};

/** `undefined` where the bytes are too few. */
export function parseVirtioNetHdr(bytes: Uint8Array): VirtioNetHdr | undefined {
  if (bytes.length < VIRTIO_NET_HDR_LENGTH) return undefined;
  return {
    flags: bytes[FLAGS] ?? 0,
    gsoType: bytes[GSO_TYPE] ?? 0,
    hdrLen: get16LittleEndian(bytes, HDR_LEN),
    gsoSize: get16LittleEndian(bytes, GSO_SIZE),
    csumStart: get16LittleEndian(bytes, CSUM_START),
    csumOffset: get16LittleEndian(bytes, CSUM_OFFSET),
    numBuffers: get16LittleEndian(bytes, NUM_BUFFERS),
  };
}

/** How long each datagram of the frame is but the last, where it holds several; else 0. */
export function datagramSegmentSize(bytes: Uint8Array): number {
  return bytes[GSO_TYPE] === VIRTIO_NET_HDR_GSO.UDP_L4 ? get16LittleEndian(bytes, GSO_SIZE) : 0;
}

/** Bytes written. */
export function emitVirtioNetHdr(header: VirtioNetHdr, into: Uint8Array, offset: number): number {
  into[offset + FLAGS] = header.flags;
  into[offset + GSO_TYPE] = header.gsoType;
  put16LittleEndian(into, offset + HDR_LEN, header.hdrLen);
  put16LittleEndian(into, offset + GSO_SIZE, header.gsoSize);
  put16LittleEndian(into, offset + CSUM_START, header.csumStart);
  put16LittleEndian(into, offset + CSUM_OFFSET, header.csumOffset);
  put16LittleEndian(into, offset + NUM_BUFFERS, header.numBuffers);
  return VIRTIO_NET_HDR_LENGTH;
}

function get16LittleEndian(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

function put16LittleEndian(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}
