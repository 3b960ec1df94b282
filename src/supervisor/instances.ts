// Instances of a command that listens: who runs, who has ended, and how all are ended.
import { POLLIN, poll } from "../../ffi/poll.ts";
import { kill, SIGKILL, waitFor } from "../../ffi/process.ts";
import type { CaughtSignal, SignalPipe } from "../../ffi/signal_pipe.ts";
import type { Instance } from "../launch/start_instance.ts";

const SIG = { HUP: 1, INT: 2, QUIT: 3, TERM: 15, STOP: 19, TSTP: 20, TTIN: 21, TTOU: 22 } as const;
const ENDS: readonly number[] = [SIG.HUP, SIG.INT, SIG.QUIT, SIG.TERM];
const STOPS_A_JOB: readonly number[] = [SIG.TSTP, SIG.TTIN, SIG.TTOU];
/** As long as docker and podman let a container take. */
const GRACE_MS = 10_000;

export type Ended<T> = { readonly about: T; readonly exitCode: number };

/** `T`: what is known of each. */
export class Instances<T> {
  readonly #running = new Map<number, { readonly instance: Instance; readonly about: T }>();
  readonly #signals: SignalPipe;

  constructor(signals: SignalPipe) {
    this.#signals = signals;
  }

  get size(): number {
    return this.#running.size;
  }

  add(instance: Instance, about: T): void {
    this.#running.set(instance.pid, { instance, about });
  }

  /** How many are of this kind. */
  count(is: (about: T) => boolean): number {
    let count = 0;
    for (const { about } of this.#running.values()) if (is(about)) count++;
    return count;
  }

  /** Waits for the first of: a client at one of `sockets`, an instance's end, a signal. */
  wait(sockets: readonly number[], milliseconds?: number): Happened<T> {
    const running = [...this.#running.values()];
    const fds = [this.#signals.fd, ...sockets, ...running.map(({ instance }) => instance.pidfd.number)];
    const events = poll(
      fds.map((fd) => ({ fd, events: POLLIN })),
      milliseconds,
    );
    const isReady = (index: number): boolean => (events[index] ?? 0) !== 0;
    return {
      told: isReady(0) && isToldToEnd(this.#signals.drain()),
      sockets: sockets.filter((_, i) => isReady(i + 1)),
      ended: running.filter((_, i) => isReady(i + 1 + sockets.length)).map(({ instance }) => this.#reap(instance)),
    };
  }

  /**
   * SIGTERM to all, and SIGKILL to those that are left when they have had their time, or when we are told to end more often than
   * `patience`. How often that was.
   */
  endAll(now: () => number, patience = 0): number {
    let told = 0;
    for (const pid of this.#running.keys()) kill(pid, SIG.TERM);
    for (const end = now() + GRACE_MS; this.size > 0; ) {
      if (this.wait([], end - now()).told) told++;
      if (told > patience || now() >= end) for (const pid of this.#running.keys()) kill(pid, SIGKILL);
    }
    return told;
  }

  #reap({ pid, pidfd }: Instance): Ended<T> {
    const about = this.#running.get(pid)?.about as T;
    this.#running.delete(pid);
    pidfd.close();
    return { about, exitCode: waitFor(pid) };
  }
}

export type Happened<T> = {
  /** A signal that ends us. */
  readonly told: boolean;
  readonly sockets: readonly number[];
  readonly ended: readonly Ended<T>[];
};

function isToldToEnd(caught: readonly CaughtSignal[]): boolean {
  if (caught.some(({ signal }) => ENDS.includes(signal))) return true;
  if (caught.some(({ signal }) => STOPS_A_JOB.includes(signal))) kill(process.pid, SIG.STOP);
  return false;
}
