// Takes requests of the user's other commands at the sandbox's control socket, in the supervisor's one loop: which ports are published,
// publish more, publish fewer. Whoever is not the user is not heard, though the folder of the socket is closed to others anyway.
//
//   listening  epoll tells of clients; MOST_CLIENTS at once, others wait for one of them to go
//   client     each message is answered before the next is read; what is none, or an answer that is not taken, ends it
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/fd.ts";
import { acceptAny } from "../../ffi/socket.ts";
import { portSocketProblem } from "../../ffi/socket_kind.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { receiveMessage, sendMessage } from "../../ffi/unix_message.ts";
import { peerUser } from "../../ffi/unix_socket.ts";
import type { PublishedPort, PublishedPorts } from "../net/flow/publish.ts";
import {
  type ControlAnswer,
  type ControlRequest,
  formatAnswer,
  type HostEnd,
  type Inside,
  LARGEST_MESSAGE,
  MOST_PORTS,
  type PortPair,
  parseRequest,
  sameHostEnd,
} from "../state/control_message.ts";
import type { Background } from "./background.ts";

export type PortControlled = Pick<Background, "watch"> & { readonly ports: PublishedPorts };

const MOST_CLIENTS = 16;

export class PortControl {
  readonly #stack: PortControlled;
  readonly #listener: Fd;
  readonly #user: number;
  readonly #clients = new Set<Fd>();
  #stopListening: (() => void) | undefined;
  #spare: Fd;

  /** `listener`: a listening socket of messages; `user`: whose requests are heard. */
  constructor(stack: PortControlled, listener: Fd, user: number) {
    this.#stack = stack;
    this.#listener = listener;
    this.#user = user;
    this.#spare = listener.dup();
    this.#listen();
  }

  #listen(): void {
    this.#stopListening ??= this.#stack.watch(this.#listener.number, () => this.#accept());
  }

  #accept(): void {
    const number = acceptAny(this.#listener.number);
    if (number < 0) return this.#turnAway(-number);
    const client = new Fd(number);
    if (peerUser(number) !== this.#user) return client.close();
    this.#clients.add(client);
    const stop = this.#stack.watch(number, () => {
      if (this.#serve(client)) return;
      stop();
      this.#clients.delete(client);
      client.close();
      this.#listen();
    });
    if (this.#clients.size < MOST_CLIENTS) return;
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  /** One that cannot be accepted would be told of without end. So a descriptor is kept to accept it with, and close it. */
  #turnAway(errno: number): void {
    if (errno !== ERRNO.EMFILE && errno !== ERRNO.ENFILE) return;
    this.#spare.close();
    const number = acceptAny(this.#listener.number);
    if (number >= 0) new Fd(number).close();
    this.#spare = this.#listener.dup();
  }

  /** False at its end. */
  #serve(client: Fd): boolean {
    const message = receiveMessage(client.number, LARGEST_MESSAGE);
    if (message.kind !== "message") return false;
    const request = parseRequest(message.bytes);
    const answer = request && this.#answer(request, message.fds);
    for (const fd of message.fds) fd.close();
    return answer !== undefined && sendMessage(client.number, formatAnswer(answer)) === 0;
  }

  #answer(request: ControlRequest, fds: readonly Fd[]): ControlAnswer {
    switch (request.kind) {
      case "ports":
        return this.#listed(request.from);
      case "publish":
        return this.#publish(request.ports, fds);
      case "unpublish":
        return this.#unpublish(request.ports);
    }
  }

  #listed(from: number): ControlAnswer {
    const all = this.#stack.ports.all;
    const next = from + MOST_PORTS < all.length ? from + MOST_PORTS : undefined;
    return { kind: "ports", ports: all.slice(from, from + MOST_PORTS).map(pairOf), next };
  }

  /** All or none. */
  #publish(ports: readonly Inside[], fds: readonly Fd[]): ControlAnswer {
    if (ports.length !== fds.length) return { kind: "refused", cause: "not as many sockets came as ports were named" };
    const problem = ports
      .map(({ protocol }, i) => portSocketProblem(fds[i]?.number ?? -1, protocol))
      .find((text) => text !== undefined);
    if (problem !== undefined) return { kind: "refused", cause: problem };
    const added: PublishedPort[] = [];
    try {
      for (const [i, port] of ports.entries()) {
        const socket = fds[i];
        // A number of its own: what the message brought is closed when it has been answered.
        if (socket) added.push(this.#stack.ports.add({ ...port, socket: socket.dup() }));
      }
      return { kind: "done" };
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      for (const port of added) this.#stack.ports.remove(port);
      return { kind: "refused", cause: `${error.call} failed: ${errnoName(error.errno)}` };
    }
  }

  #unpublish(ends: readonly HostEnd[]): ControlAnswer {
    const { all } = this.#stack.ports;
    for (const port of all) if (ends.some((end) => sameHostEnd(end, pairOf(port)))) this.#stack.ports.remove(port);
    return { kind: "done" };
  }
}

function pairOf({ protocol, at, sandboxPort }: PublishedPort): PortPair {
  return { protocol, address: at.address, hostPort: at.port, sandboxPort };
}
