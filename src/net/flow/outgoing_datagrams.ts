// What one UDP conversation sends to the host in one round: datagrams of one size go with one call (UDP_SEGMENT, udp(7)). Most of what a
// datagram costs is its way through the kernel's layers, which they then take together; it is cut where it leaves them. Nothing
// waits for longer than the round in which it came.
import { ERRNO } from "../../../ffi/errno.ts";
import type { BlockPool } from "../tcp/block_pool.ts";

/** What the host's socket does. */
export type DatagramSender = {
  /** Bytes sent, or a negated errno; with a `segmentSize` that is not 0, all of several datagrams or none. */
  transmit(datagrams: Uint8Array, segmentSize: number): number;
  /** A positive errno: of what was sent before, or a datagram is lost by it. */
  failed(errno: number): void;
  /** Bytes of the largest datagram that needs no fragments on its way, as far as is known. */
  readonly largestWhole: number;
};

/** UDP_MAX_SEGMENTS, before Linux 6.9 made it 128. */
const MOST_SEGMENTS = 64;
/** Of one datagram, with IPv4's header in 65,535 bytes; several that go together count as one. */
const MOST_BYTES = 65_507;

export class OutgoingDatagrams {
  readonly #sender: DatagramSender;
  readonly #pool: BlockPool;
  #block: Uint8Array | undefined;
  #length = 0;
  #count = 0;
  #size = 0;
  /** Larger ones would have to be cut in fragments, which excludes this. */
  #largest: number | undefined;

  constructor(sender: DatagramSender, pool: BlockPool) {
    this.#sender = sender;
    this.#pool = pool;
  }

  /** Whether it waits for {@link flush}; else it has been sent. `datagram` is copied. */
  add(datagram: Uint8Array): boolean {
    if (!this.#fits(datagram.length)) this.flush();
    if (this.#count === 0 && !this.#begin(datagram.length)) {
      this.#send(datagram, 0);
      return false;
    }
    this.#block?.set(datagram, this.#length);
    this.#length += datagram.length;
    this.#count++;
    // The last of several may be shorter.
    if (datagram.length < this.#size) this.flush();
    return this.#count > 0;
  }

  /** Several that lie one behind the other already. */
  addSegments(datagrams: Uint8Array, segmentSize: number): void {
    this.flush();
    this.#send(datagrams, segmentSize);
  }

  flush(): void {
    const [block, length, count] = [this.#block, this.#length, this.#count];
    if (block === undefined) return;
    this.#block = undefined;
    this.#count = 0;
    this.#send(block.subarray(0, length), count > 1 ? this.#size : 0);
    this.#pool.give(block);
  }

  #fits(length: number): boolean {
    return length > 0 && length <= this.#size && this.#count < MOST_SEGMENTS && this.#length + length <= MOST_BYTES;
  }

  /** No block is taken that a connection would have to wait for. */
  #begin(size: number): boolean {
    if (size === 0 || size * 2 > MOST_BYTES || this.#pool.spareBytes === 0) return false;
    this.#block = this.#pool.take();
    this.#length = 0;
    this.#size = size;
    return this.#block !== undefined;
  }

  #send(datagrams: Uint8Array, segmentSize: number): void {
    if (segmentSize === 0 || segmentSize >= datagrams.length) return this.#sendOne(datagrams);
    this.#largest ??= this.#sender.largestWhole;
    if (segmentSize > this.#largest) return this.#sendEach(datagrams, segmentSize);
    const result = this.#sender.transmit(datagrams, segmentSize);
    if (result >= 0 || result === -ERRNO.EAGAIN) return;
    this.#couldNot(-result, segmentSize);
    this.#sendEach(datagrams, segmentSize);
  }

  /** None of them went. EINVAL, EIO: the socket's way cannot do this (udp_send_skb); else it is about what was sent before. */
  #couldNot(errno: number, segmentSize: number): void {
    if (errno === ERRNO.EINVAL || errno === ERRNO.EIO) {
      this.#largest = segmentSize - 1;
      return;
    }
    if (errno === ERRNO.EMSGSIZE) this.#largest = Math.min(segmentSize - 1, this.#sender.largestWhole);
    this.#sender.failed(errno);
  }

  #sendEach(datagrams: Uint8Array, segmentSize: number): void {
    for (let at = 0; at < datagrams.length; at += segmentSize)
      this.#sendOne(datagrams.subarray(at, Math.min(at + segmentSize, datagrams.length)));
  }

  /** A datagram may be lost: EAGAIN is that. */
  #sendOne(datagram: Uint8Array): void {
    const result = this.#sender.transmit(datagram, 0);
    if (result < 0 && result !== -ERRNO.EAGAIN) this.#sender.failed(-result);
  }
}
