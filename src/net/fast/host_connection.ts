// A connection of the host's own on its way into the sandbox. A command whose socket waits in connect(2) gets it when it is made; one whose
// socket does not wait gets it at once, as it is.
//
//   connecting  connect(2) is under way; the command waits in its own
//   unclaimed   connected, but a signal has taken the command out of its call, which it may make again
//   over        given to the command, or closed
import { EPOLLOUT } from "../../../ffi/epoll.ts";
import { ERRNO } from "../../../ffi/errno.ts";
import { rawSyscall } from "../../../ffi/libc.ts";
import { takeError } from "../../../ffi/socket.ts";
import type { FlowHost } from "../flow/flow_host.ts";
import type { Ready } from "../flow/reactor.ts";
import type { Timed } from "../flow/timers.ts";
import type { HostTarget } from "./connect_target.ts";

/** How long a connection waits for a command that was interrupted, in milliseconds. */
const UNCLAIMED = 5000;

export type Claim = {
  /** Of the notification. */
  readonly id: bigint;
  /** When the command waits no longer, on the stack's clock. */
  readonly until: number;
  /** Puts the socket in the command's place, and tells it what connect(2) comes to; false when it waits no more. */
  readonly install: (fd: number, result: number) => boolean;
  readonly fail: (errno: number) => void;
};

export class HostConnection implements Ready, Timed {
  readonly target: HostTarget;
  readonly #host: FlowHost;
  readonly #fd: number;
  readonly #over: (connection: HostConnection) => void;
  readonly #token: number;
  #claim: Claim;
  #state: "connecting" | "unclaimed" | "over" = "connecting";
  deadline: number;

  /** Takes `fd` over. */
  constructor(host: FlowHost, fd: number, target: HostTarget, claim: Claim, over: (one: HostConnection) => void) {
    this.#host = host;
    this.#fd = fd;
    this.target = target;
    this.#claim = claim;
    this.#over = over;
    this.#token = host.reactor.add(fd, this, EPOLLOUT);
    this.deadline = claim.until;
    host.timers.update(this);
  }

  /** The command asks again, after a signal. */
  claimAgain(claim: Claim): void {
    this.#claim = claim;
    if (this.#state === "unclaimed") return this.#give();
    this.deadline = claim.until;
    this.#host.timers.update(this);
  }

  ready(): void {
    if (this.#state !== "connecting") return;
    const errno = takeError(this.#fd);
    if (errno === 0) return this.#give();
    this.#claim.fail(errno);
    this.close();
  }

  /** A command that waits no longer has a socket that is being connected, as it would have had of its own. */
  expire(): void {
    if (this.#state === "connecting") this.#claim.install(this.#fd, -ERRNO.EINPROGRESS);
    this.close();
  }

  close(): void {
    if (this.#state === "over") return;
    if (this.#state === "connecting") this.#host.reactor.remove(this.#fd, this.#token);
    this.#state = "over";
    this.#host.timers.remove(this);
    rawSyscall("close", this.#fd);
    this.#over(this);
  }

  #give(): void {
    if (this.#claim.install(this.#fd, 0)) return this.close();
    if (this.#state === "unclaimed") return;
    this.#host.reactor.remove(this.#fd, this.#token);
    this.#state = "unclaimed";
    this.deadline = this.#host.now() + UNCLAIMED;
    this.#host.timers.update(this);
  }
}

/** What connect(2) of a socket that does not wait may say while it is under way. */
export function isUnderWay(result: number): boolean {
  return result === -ERRNO.EINPROGRESS || result === -ERRNO.EALREADY;
}
