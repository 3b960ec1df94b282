// recvmmsg(2): all datagrams that wait at a socket, or many of them, by one call; with who sent each, and what else the socket was asked to
// tell. That fewer came than there is room for says that no other waits, so that nobody need ask. Memory is made once.
import { CONTROL_BYTES, readLocalAddress, readSegmentSize } from "./control_message.ts";
import { rawSyscall } from "./libc.ts";
import { PinnedBuffer } from "./pinned_buffer.ts";
import { type Address, AF_INET, type Endpoint } from "./sockaddr.ts";

const WORD_RANGE = 0x100000000;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
/** struct mmsghdr {{name, namelen, iov, iovlen, control, controllen, flags}, len}: all of them, then for each a struct iovec and the rest. */
const HEADER = { name: 0, nameLength: 8, iov: 16, iovLength: 24, control: 32, controlLength: 40, length: 56 } as const;
const HEADER_BYTES = 64;
const [IOVEC, NAME, CONTROL] = [0, 16, 48];
const REST_BYTES = CONTROL + CONTROL_BYTES;
/** struct sockaddr_in6, the larger of the two (sockaddr.ts). */
const NAME_BYTES = 28;
const [PORT, IPV4_ADDRESS, IPV6_ADDRESS] = [2, 4, 8];

export class DatagramBatch {
  readonly capacity: number;
  readonly #room: number;
  readonly #memory: PinnedBuffer;
  readonly #view: DataView;
  readonly #datagrams: PinnedBuffer;
  /** Of the last call. */
  #used = 0;

  /**
   * @param capacity how many datagrams one {@link receive} takes at most
   * @param room bytes of each; what does not fit is cut off. The pages of what never came are never touched.
   */
  constructor(capacity: number, room: number) {
    this.capacity = capacity;
    this.#room = room;
    this.#memory = new PinnedBuffer(capacity * (HEADER_BYTES + REST_BYTES));
    this.#view = new DataView(this.#memory.bytes.buffer);
    this.#datagrams = new PinnedBuffer(capacity * room);
    for (let i = 0; i < capacity; i++) this.#prepare(i);
  }

  /** How many came, `limit` at most, or a negated errno: EAGAIN, or what an ICMP error left. Never waits. */
  receive(fd: number, limit = this.capacity): number {
    for (let i = 0; i < this.#used; i++) this.#makeRoom(i * HEADER_BYTES);
    const most = Math.min(limit, this.capacity);
    const count = rawSyscall("recvmmsg", fd, this.#memory.address, most, MSG_DONTWAIT | MSG_TRUNC, 0);
    this.#used = Math.max(0, count);
    return count;
  }

  /** Datagram `index` of the last {@link receive}: a view, valid until the next. */
  datagram(index: number): Uint8Array {
    const length = Math.min(this.#view.getUint32(index * HEADER_BYTES + HEADER.length, true), this.#room);
    return this.#datagrams.bytes.subarray(index * this.#room, index * this.#room + length);
  }

  /** Where the socket has UDP_GRO and several datagrams came as one: how long each is but the last. Else 0. */
  segmentSize(index: number): number {
    const end = this.#controlEnd(index);
    return end === this.#rest(index) + CONTROL ? 0 : readSegmentSize(this.#view, this.#rest(index) + CONTROL, end);
  }

  /** Who sent it. */
  from(index: number): Endpoint {
    const at = this.#rest(index) + NAME;
    const family = this.#view.getUint16(at, true) === AF_INET ? 4 : 6;
    const address = at + (family === 4 ? IPV4_ADDRESS : IPV6_ADDRESS);
    const bytes = this.#memory.bytes.slice(address, address + (family === 4 ? 4 : 16));
    return { address: { family, bytes }, port: this.#view.getUint16(at + PORT) };
  }

  /** The address of this host's that it was sent to, where the socket was asked to tell. */
  to(index: number): Address | undefined {
    return readLocalAddress(this.#view, this.#rest(index) + CONTROL, this.#controlEnd(index));
  }

  #rest(index: number): number {
    return this.capacity * HEADER_BYTES + index * REST_BYTES;
  }

  #controlEnd(index: number): number {
    const length = this.#view.getUint32(index * HEADER_BYTES + HEADER.controlLength, true);
    return this.#rest(index) + CONTROL + Math.min(length, CONTROL_BYTES);
  }

  #prepare(index: number): void {
    const [header, rest] = [index * HEADER_BYTES, this.#rest(index)];
    const base = this.#memory.address + rest;
    this.#word(header + HEADER.name, base + NAME);
    this.#word(header + HEADER.iov, base + IOVEC);
    this.#word(header + HEADER.iovLength, 1);
    this.#word(header + HEADER.control, base + CONTROL);
    this.#word(rest + IOVEC, this.#datagrams.address + index * this.#room);
    this.#word(rest + IOVEC + 8, this.#room);
    this.#makeRoom(header);
  }

  /** Lengths that the kernel has written over. */
  #makeRoom(header: number): void {
    this.#view.setUint32(header + HEADER.nameLength, NAME_BYTES, true);
    this.#view.setUint32(header + HEADER.controlLength, CONTROL_BYTES, true);
  }

  /** A pointer or size_t. */
  #word(at: number, value: number): void {
    this.#view.setUint32(at, value % WORD_RANGE, true);
    this.#view.setUint32(at + 4, Math.floor(value / WORD_RANGE), true);
  }
}
