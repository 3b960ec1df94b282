// A connection that the sandbox's own kernel makes, for a command that waits in connect(2): we are told when it is made, and tell the command.
import { EPOLLOUT } from "../../../ffi/epoll.ts";
import { ERRNO } from "../../../ffi/errno.ts";
import type { Sockaddr } from "../../../ffi/sockaddr.ts";
import type { FlowHost } from "../flow/flow_host.ts";
import type { Ready } from "../flow/reactor.ts";
import type { Timed } from "../flow/timers.ts";
import type { CaughtSocket } from "./caught_socket.ts";
import { isUnderWay } from "./host_connection.ts";

export type Waiting = {
  /** connect(2)'s: 0, or a negated errno. Nobody may wait for it any more. */
  readonly answer: (result: number) => void;
  readonly over: (connection: SandboxConnection) => void;
};

export class SandboxConnection implements Ready, Timed {
  readonly #host: FlowHost;
  readonly #own: CaughtSocket;
  readonly #nowhere: Sockaddr;
  readonly #waiting: Waiting;
  readonly #token: number;
  readonly deadline: number;
  #isOver = false;

  /** Takes `own` over. `nowhere`: an address of its family, which does not matter while it is being connected. */
  constructor(host: FlowHost, own: CaughtSocket, nowhere: Sockaddr, waiting: Waiting) {
    this.#host = host;
    this.#own = own;
    this.#nowhere = nowhere;
    this.#waiting = waiting;
    this.#token = host.reactor.add(own.fd, this, EPOLLOUT);
    this.deadline = host.now() + own.patience;
    host.timers.update(this);
  }

  /** The kernel keeps the outcome for the call that asks for it, and only then takes the socket for connected. */
  ready(): void {
    if (this.#isOver) return;
    const result = this.#own.connect(this.#nowhere.address, this.#nowhere.length);
    if (isUnderWay(result)) return;
    this.#waiting.answer(result);
    this.close();
  }

  /** connect(2) of a socket with SO_SNDTIMEO. */
  expire(): void {
    this.#waiting.answer(-ERRNO.EINPROGRESS);
    this.close();
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#host.timers.remove(this);
    this.#host.reactor.remove(this.#own.fd, this.#token);
    this.#own[Symbol.dispose]();
    this.#waiting.over(this);
  }
}
