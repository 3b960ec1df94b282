// Asks a sandbox's supervisor: a request, its answer, in turn.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import { readableWithin } from "../../ffi/process.ts";
import { receiveMessage, sendMessage } from "../../ffi/unix_message.ts";
import { connectUnix, openPacketSocket } from "../../ffi/unix_socket.ts";
import {
  type ControlAnswer,
  type ControlRequest,
  formatRequest,
  LARGEST_MESSAGE,
  parseAnswer,
} from "./control_message.ts";
import { controlPath } from "./registration.ts";

export type Asked =
  | ControlAnswer
  /** It has ended. */
  | { readonly kind: "gone" }
  /** It takes no requests: it is stopped, or has too many at once. */
  | { readonly kind: "silent" }
  /** Another version of this program, which says it otherwise. */
  | { readonly kind: "unknown" };

/** Milliseconds. What a supervisor has to do for one takes less than one of them. */
const PATIENCE = 10_000;

export class ControlClient implements Disposable {
  readonly #socket = openPacketSocket("returns");
  readonly #connected: number;

  /** `folder`: the sandbox's own, of the registry. */
  constructor(folder: Fd) {
    this.#connected = connectUnix(this.#socket.number, controlPath(folder));
  }

  /** Descriptors stay the caller's. */
  ask(request: ControlRequest, fds: readonly number[] = []): Asked {
    if (this.#connected === -ERRNO.EAGAIN) return { kind: "silent" };
    if (this.#connected < 0) return { kind: "gone" };
    const sent = sendMessage(this.#socket.number, formatRequest(request), fds);
    if (sent < 0) return { kind: sent === -ERRNO.EAGAIN ? "silent" : "gone" };
    if (!readableWithin(this.#socket.number, PATIENCE)) return { kind: "silent" };
    const message = receiveMessage(this.#socket.number, LARGEST_MESSAGE);
    if (message.kind === "failed" && message.errno === ERRNO.EMSGSIZE) return { kind: "unknown" };
    if (message.kind !== "message") return { kind: "gone" };
    for (const fd of message.fds) fd.close();
    return parseAnswer(message.bytes) ?? { kind: "unknown" };
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
