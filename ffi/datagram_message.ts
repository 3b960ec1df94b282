// recvmsg(2) and sendmsg(2) of one datagram with the address of this host's that it came to, or is to come from: IP_PKTINFO, ip(7), and
// IPV6_PKTINFO, RFC 3542 section 6. A socket that is bound to all addresses answers from the wrong one without. Memory is made once.
import { address, rawSyscall } from "./libc.ts";
import { PinnedBuffer } from "./pinned_buffer.ts";
import { type Address, type Endpoint, Sockaddr } from "./sockaddr.ts";

const WORD_RANGE = 0x100000000;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** struct msghdr {name, namelen, iov, iovlen, control, controllen, flags}. */
const HEADER = { name: 0, nameLength: 8, iov: 16, iovLength: 24, control: 32, controlLength: 40 } as const;
/** struct iovec {base, len} behind it, and then the control messages. */
const [IOVEC, CONTROL, BYTES] = [64, 80, 208];
/** struct cmsghdr {len, level, type}. */
const [CMSG_LEVEL, CMSG_TYPE, CMSG_DATA] = [8, 12, 16];
/** in_pktinfo {ifindex, spec_dst, addr}: spec_dst is what an answer comes from. in6_pktinfo {addr, ifindex}. */
const PACKET_INFO = {
  4: { level: 0, type: 8, length: 12, at: 4, addressLength: 4 },
  6: { level: 41, type: 50, length: 20, at: 0, addressLength: 16 },
} as const;

export class DatagramMessage {
  readonly #memory = new PinnedBuffer(BYTES);
  readonly #view = new DataView(this.#memory.bytes.buffer);
  readonly #peer = new Sockaddr();

  constructor() {
    this.#word(HEADER.name, this.#peer.address);
    this.#word(HEADER.iov, this.#memory.address + IOVEC);
    this.#word(HEADER.iovLength, 1);
    this.#word(HEADER.control, this.#memory.address + CONTROL);
  }

  /** Its length, which is more than `length` where it was cut off, or a negated errno. */
  receive(fd: number, into: number, length: number): number {
    this.#peer.makeRoom();
    this.#prepare(into, length, BYTES - CONTROL);
    return rawSyscall("recvmsg", fd, this.#memory.address, MSG_DONTWAIT | MSG_TRUNC);
  }

  /** Who sent what was received. */
  get from(): Endpoint {
    return this.#peer.get();
  }

  /** The address of this host's that it was sent to, where the socket was asked to tell. */
  get to(): Address | undefined {
    const end = CONTROL + this.#view.getUint32(HEADER.controlLength, true);
    for (let at = CONTROL; at + CMSG_DATA <= end; ) {
      const found = this.#packetInfo(at);
      if (found !== undefined) return found;
      // CMSG_ALIGN: whole words of 8 bytes.
      at += Math.max(CMSG_DATA, (this.#view.getUint32(at, true) + 7) & ~7);
    }
    return undefined;
  }

  /** Bytes sent, or a negated errno. Never waits. `from`: an address of this host's; else the kernel chooses. */
  send(fd: number, bytes: Uint8Array, to: Endpoint, from: Address | undefined): number {
    this.#peer.set(to.address, to.port);
    const controlLength = from === undefined ? 0 : this.#control(from);
    this.#prepare(bytes.length === 0 ? 0 : address(bytes), bytes.length, controlLength);
    return rawSyscall("sendmsg", fd, this.#memory.address, MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  #prepare(base: number, length: number, controlLength: number): void {
    this.#view.setUint32(HEADER.nameLength, this.#peer.length, true);
    this.#word(IOVEC, base);
    this.#word(IOVEC + 8, length);
    this.#word(HEADER.controlLength, controlLength);
  }

  #packetInfo(at: number): Address | undefined {
    const level = this.#view.getInt32(at + CMSG_LEVEL, true);
    const family = level === PACKET_INFO[4].level ? 4 : 6;
    const info = PACKET_INFO[family];
    if (level !== info.level || this.#view.getInt32(at + CMSG_TYPE, true) !== info.type) return undefined;
    const start = at + CMSG_DATA + info.at;
    return { family, bytes: this.#memory.bytes.slice(start, start + info.addressLength) };
  }

  /** One control message that says where from; how long it is. */
  #control({ family, bytes }: Address): number {
    const { level, type, length, at, addressLength } = PACKET_INFO[family];
    const space = (CMSG_DATA + length + 7) & ~7;
    this.#memory.bytes.fill(0, CONTROL, CONTROL + space);
    this.#word(CONTROL, CMSG_DATA + length);
    this.#view.setInt32(CONTROL + CMSG_LEVEL, level, true);
    this.#view.setInt32(CONTROL + CMSG_TYPE, type, true);
    this.#memory.bytes.set(bytes.subarray(0, addressLength), CONTROL + CMSG_DATA + at);
    return space;
  }

  /** A pointer or size_t. */
  #word(at: number, value: number): void {
    this.#view.setUint32(at, value % WORD_RANGE, true);
    this.#view.setUint32(at + 4, Math.floor(value / WORD_RANGE), true);
  }
}
