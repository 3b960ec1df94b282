// Scatter and gather: readv(2), writev(2), and sendmsg(2) and recvmsg(2) for sockets. The iovec array is made once and filled again
// for each call. Results are counts, or negated errnos: EAGAIN is not an error here.
import { address, rawSyscall } from "./libc.ts";
import { PinnedBuffer } from "./pinned_buffer.ts";

const IOVEC_WORDS = 4;
const WORD_RANGE = 0x100000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
// struct msghdr {name, namelen, iov, iovlen, control, controllen, flags}, 56 bytes.
const MSGHDR_BYTES = 56;
const IOV_WORD = 4;
const IOVLEN_WORD = 6;

/** Pieces of memory, in order, that one system call reads or fills. */
export class IoVector {
  readonly #capacity: number;
  readonly #header = new PinnedBuffer(MSGHDR_BYTES);
  readonly #iovec: PinnedBuffer;
  readonly #words: Uint32Array;
  readonly #headerWords: Uint32Array;
  /** What the addresses are of: referenced until the next {@link clear}. */
  readonly #held: (Uint8Array | undefined)[] = [];
  #count = 0;
  #length = 0;

  /** @param capacity how many pieces at most; the kernel takes no more than 1024 (UIO_MAXIOV). */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#iovec = new PinnedBuffer(capacity * IOVEC_WORDS * 4);
    this.#words = new Uint32Array(this.#iovec.bytes.buffer);
    this.#headerWords = new Uint32Array(this.#header.bytes.buffer);
    this.#headerWords[IOV_WORD] = this.#iovec.address;
    this.#headerWords[IOV_WORD + 1] = this.#iovec.address / WORD_RANGE;
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes in all pieces. */
  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#count === this.#capacity;
  }

  clear(): void {
    for (let i = 0; i < this.#count; i++) this.#held[i] = undefined;
    this.#count = 0;
    this.#length = 0;
  }

  add(view: Uint8Array): void {
    if (view.length === 0) return;
    this.#held[this.#count] = view;
    this.addAt(address(view), view.length);
  }

  /** As many of `views` as there is room for; how many those are. */
  addAll(views: readonly Uint8Array[]): number {
    for (let i = 0; i < views.length; i++) {
      const view = views[i];
      if (this.isFull) return i;
      if (view) this.add(view);
    }
    return views.length;
  }

  /** `length` bytes at an address that is known already, of a {@link PinnedBuffer}: its owner keeps that referenced. */
  addAt(at: number, length: number): void {
    if (this.#count === this.#capacity) throw new RangeError(`an iovec of ${this.#capacity} pieces is full`);
    const word = this.#count++ * IOVEC_WORDS;
    this.#words[word] = at;
    this.#words[word + 1] = at / WORD_RANGE;
    this.#words[word + 2] = length;
    this.#words[word + 3] = 0;
    this.#length += length;
  }

  /** readv(2) */
  read(fd: number): number {
    return rawSyscall("readv", fd, this.#iovec.address, this.#count);
  }

  /** writev(2) */
  write(fd: number): number {
    return rawSyscall("writev", fd, this.#iovec.address, this.#count);
  }

  /** recvmsg(2), which never waits. */
  receive(fd: number): number {
    return this.#message("recvmsg", fd, MSG_DONTWAIT);
  }

  /** sendmsg(2), which never waits and raises no SIGPIPE. */
  send(fd: number): number {
    return this.#message("sendmsg", fd, MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  #message(call: "recvmsg" | "sendmsg", fd: number, flags: number): number {
    this.#headerWords[IOVLEN_WORD] = this.#count;
    return rawSyscall(call, fd, this.#header.address, flags);
  }
}
