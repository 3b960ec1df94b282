// Datagrams on their way to the sandbox: those that follow each other in one conversation and are of one size go as one frame, which the
// kernel cuts again where a socket takes them (VIRTIO_NET_HDR_GSO_UDP_L4). For the device to take a frame costs ten times what
// everything else here does. Nothing waits for longer than the call that has read them.
import type { UdpHeader } from "../wire/udp.ts";
import type { FrameWriter, Route } from "./frame_writer.ts";

/** One object a conversation: by it those of one are known. */
export type DatagramTaker = {
  readonly route: Route;
  readonly ports: UdpHeader;
  /** Payload bytes of a datagram that needs no fragments. */
  readonly largest: number;
  /** One that needs them. */
  large(datagram: Uint8Array): void;
};

/** Pieces of memory in one frame; UDP_MAX_SEGMENTS is 64 before Linux 6.9. */
const MOST_SEGMENTS = 60;
/** IP's length has 16 bits, and counts headers of up to 40 and 8 bytes. */
const MOST_BYTES = 65_535 - 48;

export class IncomingDatagrams {
  readonly #writer: FrameWriter;
  readonly #pieces: Uint8Array[] = [];
  #to: DatagramTaker | undefined;
  #length = 0;
  #size = 0;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /** One datagram, or several of `segmentSize` bytes each, the last one of what is left; in place until {@link flush}. */
  add(to: DatagramTaker, datagrams: Uint8Array, segmentSize: number): void {
    if (segmentSize === 0 || segmentSize >= datagrams.length) this.#addOne(to, datagrams);
    else if (this.#isOneFrame(to, datagrams.length, segmentSize)) {
      this.flush();
      this.#writer.udpSegments(to.route, to.ports, [datagrams], datagrams.length, segmentSize);
    } else
      for (let at = 0; at < datagrams.length; at += segmentSize)
        this.#addOne(to, datagrams.subarray(at, at + segmentSize));
  }

  flush(): void {
    const { route, ports } = this.#to ?? {};
    if (route === undefined || ports === undefined) return;
    this.#writer.udpSegments(route, ports, this.#pieces, this.#length, this.#size);
    this.#pieces.length = 0;
    this.#to = undefined;
    this.#length = 0;
  }

  #addOne(to: DatagramTaker, datagram: Uint8Array): void {
    if (!this.#fits(to, datagram.length)) this.flush();
    if (datagram.length > to.largest) return to.large(datagram);
    this.#pieces.push(datagram);
    this.#length += datagram.length;
    if (this.#pieces.length === 1) {
      this.#to = to;
      this.#size = datagram.length;
    } else if (datagram.length < this.#size) this.flush();
  }

  #fits(to: DatagramTaker, length: number): boolean {
    if (to !== this.#to || length === 0 || length > this.#size || !this.#writer.segmentDatagrams()) return false;
    return this.#pieces.length < MOST_SEGMENTS && this.#length + length <= MOST_BYTES;
  }

  #isOneFrame(to: DatagramTaker, length: number, segmentSize: number): boolean {
    const isWithin = length <= MOST_BYTES && length <= segmentSize * MOST_SEGMENTS && segmentSize <= to.largest;
    return isWithin && this.#writer.segmentDatagrams();
  }
}
