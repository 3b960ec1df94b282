// A descriptor with an owner. Held by `using`, it is closed on every way out; `release` hands it on.
import { rawSyscall, syscall } from "./libc.ts";

const F_DUPFD_CLOEXEC = 1030;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** For one that came by an execve, and is not to go with the next. */
export function setCloseOnExec(number: number): void {
  syscall("fcntl", "descriptor", number, F_SETFD, FD_CLOEXEC);
}

export class Fd implements Disposable {
  #number: number;

  constructor(number: number) {
    this.#number = number;
  }

  /** The descriptor's number; throws after {@link close} or {@link release}. */
  get number(): number {
    if (this.#number < 0) throw new Error("descriptor is closed");
    return this.#number;
  }

  get isOpen(): boolean {
    return this.#number >= 0;
  }

  /** Gives the number away: the caller closes it from now on. */
  release(): number {
    const number = this.number;
    this.#number = -1;
    return number;
  }

  /** A second descriptor of the same open file, with an owner of its own; its number is `least` or more. */
  dup(least = 3): Fd {
    return new Fd(syscall("fcntl", "descriptor", this.number, F_DUPFD_CLOEXEC, least));
  }

  /** This file under a number that is `least` or more; what has another is closed. */
  raised(least: number): Fd {
    if (this.number >= least) return this;
    const raised = this.dup(least);
    this.close();
    return raised;
  }

  close(): void {
    if (this.#number >= 0) rawSyscall("close", this.#number);
    this.#number = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
