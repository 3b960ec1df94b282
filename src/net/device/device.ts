// What the stack asks of a network device. Decorators (PcapDevice) have the same shape as the TAP device itself.

export type Device = {
  /** Readable when a frame waits. */
  readonly fd: number;
  /** Scratch for the headers of the frame that is written next, its virtio_net_hdr first; 256 bytes or more. */
  readonly header: Uint8Array;
  /** A view of the next frame with its virtio_net_hdr, valid until the next call; `undefined` when none waits. */
  read(): Uint8Array | undefined;
  /** The first `headerLength` bytes of `header`, then `payload`, as one frame. False where it is lost, as it may be on any wire. */
  write(headerLength: number, payload: readonly Uint8Array[]): boolean;
  /**
   * From now on a frame may hold several datagrams of one size, in either direction (VIRTIO_NET_HDR_GSO_UDP_L4); false where it cannot, or
   * where each datagram is to have a fate of its own.
   */
  segmentDatagrams?(): boolean;
  /** When {@link read} is to be called though the descriptor is not readable, in milliseconds; for devices that hold frames back. */
  readonly due?: number | undefined;
};
