// The descriptors that the stack waits for, in one epoll(7) instance: events come back to whoever asked for them. An owner that goes may
// still have events in the round under way, and its number may be another's by then: so events carry numbers that are never used twice.
import { EPOLLIN, Epoll } from "../../../ffi/epoll.ts";
import { BusyPoll } from "./busy_poll.ts";

export type Ready = {
  /** `events`: EPOLL* bits. */
  ready(events: number, now: number): void;
};

const MOST_LOOKS = 256;

export class Reactor implements Disposable {
  readonly #epoll = new Epoll(256);
  readonly #owners = new Map<number, Ready>();
  readonly #busyPoll = new BusyPoll();
  readonly #now: () => number;
  #next = 0;
  #count = 0;

  /** @param now milliseconds, with fractions. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get fd(): number {
    return this.#epoll.fd;
  }

  /** The number by which it is removed again. */
  add(fd: number, owner: Ready, events = EPOLLIN): number {
    const token = this.#next++;
    this.#epoll.add(fd, events, token);
    this.#owners.set(token, owner);
    return token;
  }

  /** Other events from now on. */
  change(fd: number, token: number, events: number): void {
    this.#epoll.modify(fd, events, token);
  }

  /** Before the descriptor is closed. */
  remove(fd: number, token: number): void {
    if (this.#owners.delete(token)) this.#epoll.remove(fd);
  }

  /** Instead, where the descriptor is closed next and has no duplicate: its end takes it out of the epoll instance (epoll(7)). */
  forget(token: number): void {
    this.#owners.delete(token);
  }

  /** Waits so many milliseconds (0: not at all; Infinity) until one is ready; {@link dispatch} then tells all that are. */
  wait(milliseconds: number): void {
    if (milliseconds === 0) this.#count = this.#epoll.wait(0);
    else this.#waitFor(milliseconds);
  }

  dispatch(now: number): void {
    for (let i = 0; i < this.#count; i++) this.#owners.get(this.#epoll.token(i))?.ready(this.#epoll.events(i), now);
  }

  [Symbol.dispose](): void {
    this.#epoll.close();
  }

  #waitFor(milliseconds: number): void {
    const began = this.#now();
    const until = began + Math.min(milliseconds, this.#busyPoll.window);
    // However slowly that clock goes.
    for (let look = 0; look < MOST_LOOKS && this.#now() < until; look++) {
      this.#count = this.#epoll.wait(0);
      if (this.#count > 0) return;
    }
    // What is due in less than one must not be looked for before it is.
    this.#count = this.#epoll.wait(milliseconds === Number.POSITIVE_INFINITY ? -1 : Math.ceil(milliseconds));
    this.#busyPoll.waited(this.#now() - began);
  }
}
