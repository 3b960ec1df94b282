// epoll(7). Events land in one buffer, made once; the caller reads them by index, so a round of the loop allocates nothing.

import { ERRNO } from "./errno.ts";
import { Fd } from "./fd.ts";
import { rawSyscall, syscall } from "./libc.ts";
import { SyscallError } from "./syscall_error.ts";

export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;
export const EPOLLERR = 0x8;
export const EPOLLHUP = 0x10;
export const EPOLLRDHUP = 0x2000;
export const EPOLLET = 0x80000000;

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL = { ADD: 1, DEL: 2, MOD: 3 } as const;
// struct epoll_event {u32 events; u64 data}: packed on x86-64 and on no other architecture (uapi/linux/eventpoll.h).
const DATA_WORD = process.arch === "x64" ? 1 : 2;
const EVENT_WORDS = DATA_WORD + 2;
const WORD_RANGE = 0x100000000;
const SIGSET_BYTES = 8;

/** Which descriptors to wait for, and what came. EPOLLERR and EPOLLHUP come without being asked for. */
export class Epoll implements Disposable {
  readonly #fd: Fd;
  readonly #capacity: number;
  readonly #events: Uint32Array;
  readonly #event = new Uint32Array(EVENT_WORDS);

  /** @param capacity how many events one {@link wait} gives at most; others come with the next. */
  constructor(capacity = 256) {
    this.#fd = new Fd(syscall("epoll_create1", "event loop", EPOLL_CLOEXEC));
    this.#capacity = capacity;
    this.#events = new Uint32Array(capacity * EVENT_WORDS);
  }

  /** Readable while an event waits: one Epoll can be watched by another. */
  get fd(): number {
    return this.#fd.number;
  }

  /** @param token an integer from 0 to 2^53 - 1 that comes back with each event. */
  add(fd: number, events: number, token: number): void {
    this.#control("ADD", fd, events, token);
  }

  modify(fd: number, events: number, token: number): void {
    this.#control("MOD", fd, events, token);
  }

  /** Before the descriptor is closed: an open file stays watched for as long as any duplicate of it is open. */
  remove(fd: number): void {
    this.#control("DEL", fd, 0, 0);
  }

  /** Waits `timeoutMs` (-1: without end) for events; how many came. 0 on time-out, and when a signal came instead. */
  wait(timeoutMs: number): number {
    const count = rawSyscall("epoll_pwait", this.fd, this.#events, this.#capacity, timeoutMs, 0, SIGSET_BYTES);
    if (count >= 0) return count;
    if (count === -ERRNO.EINTR) return 0;
    throw new SyscallError("epoll_pwait", "event loop", -count);
  }

  /** The token of event `index` of the last {@link wait}. */
  token(index: number): number {
    const word = index * EVENT_WORDS + DATA_WORD;
    return (this.#events[word] ?? 0) + (this.#events[word + 1] ?? 0) * WORD_RANGE;
  }

  /** EPOLL* bits of event `index` of the last {@link wait}. */
  events(index: number): number {
    return this.#events[index * EVENT_WORDS] ?? 0;
  }

  close(): void {
    this.#fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #control(operation: keyof typeof EPOLL_CTL, fd: number, events: number, token: number): void {
    this.#event[0] = events;
    this.#event[DATA_WORD] = token;
    this.#event[DATA_WORD + 1] = Math.floor(token / WORD_RANGE);
    const result = rawSyscall("epoll_ctl", this.fd, EPOLL_CTL[operation], fd, this.#event);
    if (result < 0) throw new SyscallError("epoll_ctl", `${operation} descriptor ${fd}`, -result);
  }
}
