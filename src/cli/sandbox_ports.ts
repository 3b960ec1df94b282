// The ports of a running sandbox, asked of its supervisor.
import type { Fd } from "../../ffi/fd.ts";
import { requestFault } from "../base/fault.ts";
import { type Asked, ControlClient } from "../state/control_client.ts";
import {
  type ControlAnswer,
  type ControlRequest,
  type HostEnd,
  MOST_PORTS,
  type PortPair,
} from "../state/control_message.ts";
import { isBelowWaiter } from "../state/process_identity.ts";
import { openFolder } from "../state/registry.ts";
import { noPorts } from "./no_ports.ts";
import type { HostPort } from "./run_ports.ts";
import type { Registry, RunningSandbox } from "./running_sandbox.ts";

export class SandboxPorts implements Disposable {
  readonly #folder: Fd;
  readonly #what: string;
  readonly #isAsleep: boolean;
  #client: ControlClient | undefined;

  /** Throws where the sandbox's network has no ports of the host's. */
  constructor({ root }: Registry, { id, state }: RunningSandbox) {
    const name = state.name ?? id;
    this.#what = `Cannot change or list the ports of the sandbox ${name}`;
    if (state.network.mode !== "slirp") {
      const { cause, hint } = noPorts(state.network.mode);
      throw requestFault(this.#what, cause, hint);
    }
    const folder = openFolder(root, id);
    if (folder === undefined) throw this.#gone();
    this.#folder = folder;
    this.#isAsleep = state.init !== undefined && isBelowWaiter(state.init);
  }

  /** One whose network nobody has used yet has none, and is left alone. */
  list(): readonly PortPair[] {
    const all: PortPair[] = [];
    if (this.#isAsleep) return all;
    for (let from: number | undefined = 0; from !== undefined; ) {
      const answer = this.#ask({ kind: "ports", from });
      if (answer.kind !== "ports") throw this.#refused("it answered something else");
      all.push(...answer.ports);
      from = answer.next;
    }
    return all;
  }

  /** The sockets stay the caller's to close; the sandbox has its own from now on. */
  add(ports: readonly HostPort[]): void {
    for (const some of chunks(ports)) {
      const inside = some.map(({ protocol, sandboxPort }) => ({ protocol, sandboxPort }));
      this.#ask(
        { kind: "publish", ports: inside },
        some.map(({ socket }) => socket.number),
      );
    }
  }

  remove(ports: readonly HostEnd[]): void {
    for (const some of chunks(ports)) this.#ask({ kind: "unpublish", ports: some });
  }

  [Symbol.dispose](): void {
    this.#client?.[Symbol.dispose]();
    this.#folder.close();
  }

  #ask(request: ControlRequest, fds: readonly number[] = []): Exclude<ControlAnswer, { readonly kind: "refused" }> {
    this.#client ??= new ControlClient(this.#folder);
    const answer: Asked = this.#client.ask(request, fds);
    switch (answer.kind) {
      case "gone":
        throw this.#gone();
      case "silent":
        throw requestFault(this.#what, "its supervisor does not answer", "is it stopped? see: ps, kill -CONT");
      case "unknown":
        throw this.#refused("it answered in words of another version");
      case "refused":
        throw this.#refused(answer.cause);
      default:
        return answer;
    }
  }

  #gone() {
    return requestFault(this.#what, "it has just ended");
  }

  #refused(cause: string) {
    return requestFault(this.#what, cause);
  }
}

function chunks<T>(items: readonly T[]): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / MOST_PORTS);
  return Array.from({ length: count }, (_, i) => items.slice(i * MOST_PORTS, (i + 1) * MOST_PORTS));
}
