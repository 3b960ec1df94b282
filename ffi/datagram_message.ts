// sendmsg(2) of one datagram, or of several that lie one behind the other and are of one size, with the address of this host's that they
// are to come from: a socket that is bound to all addresses sends from the wrong one without. Memory is made once.
import { CONTROL_BYTES, putLocalAddress, putSegmentSize } from "./control_message.ts";
import { address, rawSyscall } from "./libc.ts";
import { PinnedBuffer } from "./pinned_buffer.ts";
import { type Address, type Endpoint, Sockaddr } from "./sockaddr.ts";

const WORD_RANGE = 0x100000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** struct msghdr {name, namelen, iov, iovlen, control, controllen, flags}. */
const HEADER = { name: 0, nameLength: 8, iov: 16, iovLength: 24, control: 32, controlLength: 40 } as const;
/** struct iovec {base, len} behind it, and then the control messages. */
const [IOVEC, CONTROL] = [64, 80];

export type DatagramWay = {
  /** Left out where the socket is connected. */
  readonly to?: Endpoint | undefined;
  /** An address of this host's; else the kernel chooses. */
  readonly from?: Address | undefined;
};

export class DatagramMessage {
  readonly #memory = new PinnedBuffer(CONTROL + CONTROL_BYTES);
  readonly #view = new DataView(this.#memory.bytes.buffer);
  readonly #peer = new Sockaddr();

  constructor() {
    this.#word(HEADER.iov, this.#memory.address + IOVEC);
    this.#word(HEADER.iovLength, 1);
    this.#word(HEADER.control, this.#memory.address + CONTROL);
  }

  /**
   * Bytes sent, or a negated errno. Never waits. With a `segmentSize` that is not 0, datagrams of so many bytes, the last one of what is
   * left (UDP_SEGMENT, Linux 4.18): all or none of them; EINVAL or EMSGSIZE where one is larger than a packet of its way may be.
   */
  send(fd: number, bytes: Uint8Array, { to, from }: DatagramWay, segmentSize = 0): number {
    let end = CONTROL;
    if (from !== undefined) end = putLocalAddress(this.#view, end, from);
    if (segmentSize !== 0) end = putSegmentSize(this.#view, end, segmentSize);
    if (to !== undefined) this.#peer.set(to.address, to.port);
    this.#word(HEADER.name, to === undefined ? 0 : this.#peer.address);
    this.#view.setUint32(HEADER.nameLength, to === undefined ? 0 : this.#peer.length, true);
    this.#word(IOVEC, bytes.length === 0 ? 0 : address(bytes));
    this.#word(IOVEC + 8, bytes.length);
    this.#word(HEADER.controlLength, end - CONTROL);
    return rawSyscall("sendmsg", fd, this.#memory.address, MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  /** A pointer or size_t. */
  #word(at: number, value: number): void {
    this.#view.setUint32(at, value % WORD_RANGE, true);
    this.#view.setUint32(at + 4, Math.floor(value / WORD_RANGE), true);
  }
}
