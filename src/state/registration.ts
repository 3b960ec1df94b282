// A sandbox's own entry among those that run, from before its start to its end.

import { Fd, setCloseOnExec } from "../../ffi/fd.ts";
import { listen } from "../../ffi/socket.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { bindUnix, openPacketSocket } from "../../ffi/unix_socket.ts";
import { startTimeOf } from "./process_identity.ts";
import { CONTROL, living, makeEntry, removeEntry, underLock, writeState } from "./registry.ts";
import type { RuntimeFolder } from "./runtime_folder.ts";
import type { NetworkState, SandboxState } from "./sandbox_state.ts";

export type Claim = {
  readonly name: string | undefined;
  readonly created: Date;
  readonly command: readonly string[];
  readonly network: NetworkState;
  /** Does it take requests? */
  readonly hasControl: boolean;
  /** An id, another each time. */
  readonly newId: () => string;
  /** Descriptors below this number are not ours to have. */
  readonly leastFd: number;
};

export type HeldRegistration = {
  readonly fds:
    | readonly [root: number, folder: number, lock: number]
    | readonly [root: number, folder: number, lock: number, control: number];
  readonly path: string;
  readonly state: SandboxState;
};

export type Claimed =
  | { readonly kind: "registered"; readonly registration: Registration }
  | { readonly kind: "taken"; readonly by: string };

const BACKLOG = 128;

export class Registration {
  readonly #root: RuntimeFolder;
  readonly #folder: Fd;
  /** Whoever has it keeps the entry. */
  readonly lock: Fd;
  /** Listening; requests that come before anybody takes them wait. */
  readonly control: Fd | undefined;
  #state: SandboxState;

  constructor(root: RuntimeFolder, folder: Fd, lock: Fd, control: Fd | undefined, state: SandboxState) {
    this.#root = root;
    this.#folder = folder;
    this.lock = lock;
    this.control = control;
    this.#state = state;
    writeState(folder, state);
  }

  /** One that another program of this process goes on with: what it is, and its descriptors, which stay open with it. */
  static resume({ fds: [root, folder, lock, control], path, state }: HeldRegistration): Registration {
    const owned = (number: number): Fd => {
      setCloseOnExec(number);
      return new Fd(number);
    };
    const listener = control === undefined ? undefined : owned(control);
    return new Registration({ path, fd: owned(root) }, owned(folder), owned(lock), listener, state);
  }

  get held(): HeldRegistration {
    const numbers = [this.#root.fd.number, this.#folder.number, this.lock.number] as const;
    const fds: HeldRegistration["fds"] = this.control ? [...numbers, this.control.number] : numbers;
    return { fds, path: this.#root.path, state: this.#state };
  }

  get id(): string {
    return this.#state.id;
  }

  /** Its PID 1 is a child of ours, so the number is still its own. `cgroup`: the folder of its control group. */
  started(pid: number, cgroup?: string): void {
    const init = { pid, startTime: startTimeOf(pid) ?? "0" };
    this.#state = { ...this.#state, status: "running", init, ...(cgroup !== undefined && { cgroup }) };
    writeState(this.#folder, this.#state);
  }

  /** At its end. A supervisor that cannot leaves it to the next who looks. */
  remove(): void {
    underLock(this.#root, () => removeEntry(this.#root, this.#folder, this.id));
    this.control?.close();
    this.lock.close();
  }
}

/** Names are for one sandbox at a time. Takes the descriptor of `root` over. */
export function register(root: RuntimeFolder, claim: Claim): Claimed {
  return underLock(root, () => {
    const others = living(root);
    const taken = others.find(({ state }) => claim.name !== undefined && state?.name === claim.name);
    if (taken) return { kind: "taken", by: taken.id };
    for (;;) {
      const id = claim.newId();
      const made = makeEntry(root, id);
      if (made) return { kind: "registered", registration: registrationOf(root, id, made, claim) };
    }
  });
}

function registrationOf(
  root: RuntimeFolder,
  id: string,
  made: { readonly folder: Fd; readonly lock: Fd },
  { name, created, command, network, hasControl, leastFd }: Claim,
): Registration {
  const folder = made.folder.raised(leastFd);
  const control = hasControl ? listenAt(folder).raised(leastFd) : undefined;
  return new Registration({ ...root, fd: root.fd.raised(leastFd) }, folder, made.lock.raised(leastFd), control, {
    id,
    name,
    status: "creating",
    created: created.toISOString(),
    init: undefined,
    command,
    network,
  });
}

/** By a path that is short enough for unix(7), however long the folder's is. */
function listenAt(folder: Fd): Fd {
  const socket = openPacketSocket("returns");
  const result = bindUnix(socket.number, controlPath(folder)) || listen(socket.number, BACKLOG);
  if (result < 0) throw new SyscallError("bind", CONTROL, -result);
  return socket;
}

export function controlPath(folder: Fd): string {
  return `/proc/self/fd/${folder.number}/${CONTROL}`;
}
