// One client of a network's supervisor, from its connection to the end of what it leaves behind.
//
//   asking    has not joined: whoever asks who is there
//   joined    by join: has addresses, and nothing else
//   attached  by attach: has a stack, which serves its ports and knows its rules
//   linked    by its child's namespace: has its wire, and is known to the others
//   leaving   its connection has ended (the server sees that): its stack passes on what is on its way, and then it is gone
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import { type Message, receiveMessage, sendMessage } from "../../ffi/unix_message.ts";
import type { HostsTable } from "../net/dns/hosts_file.ts";
import type { Stack } from "../net/flow/stack.ts";
import type { Request } from "../netlink/message.ts";
import type { Allotted } from "./allotment.ts";
import type { MemberDevice } from "./member_device.ts";
import {
  type Attach,
  emitMessage,
  LARGEST_MESSAGE,
  type MemberInfo,
  MOST_DESCRIPTORS,
  type Port,
  type ServerMessage,
} from "./messages.ts";
import type { NetlinkSocket } from "./netlink_socket.ts";

/** Nothing has moved for so many milliseconds: nobody takes it. */
const PATIENCE = 3000;

export type BoundSocket = Port & { readonly socket: Fd };

export type Attached = {
  readonly attach: Attach;
  readonly device: MemberDevice;
  readonly stack: Stack;
  /** Its standard error, where it is to be told what was stopped. */
  readonly tell: Fd | undefined;
  /** Whatever else is to be closed with it. */
  readonly files: readonly Fd[];
};

export class Member implements Disposable {
  readonly pid: number;
  readonly #connection: Fd;
  joined: { readonly host: number; readonly allotted: Allotted } | undefined;
  attached: Attached | undefined;
  link: NetlinkSocket | undefined;
  readonly ports: BoundSocket[] = [];
  #leaving: { since: number; passing: number | undefined } | undefined;

  /** Takes the connection over, which must be non-blocking. */
  constructor(connection: Fd, pid: number) {
    this.#connection = connection;
    this.pid = pid;
  }

  get fd(): number {
    return this.#connection.number;
  }

  get isLeaving(): boolean {
    return this.#leaving !== undefined;
  }

  get isLinked(): boolean {
    return this.link !== undefined && !this.isLeaving;
  }

  get names(): readonly string[] {
    return this.attached?.attach.names ?? [];
  }

  get info(): MemberInfo | undefined {
    if (this.joined === undefined || this.isLeaving) return undefined;
    const { ipv4, ipv6 } = this.joined.allotted;
    return { pid: this.pid, names: this.names, ipv4: ipv4?.address ?? null, ipv6: ipv6?.address ?? null };
  }

  /** The next message; "none" where none waits, "ended" when the other end is gone or has broken the rules. */
  receive(): Message | "none" | "ended" {
    const received = receiveMessage(this.fd, LARGEST_MESSAGE, MOST_DESCRIPTORS);
    if (received.kind === "message") return received;
    return received.kind === "failed" && received.errno === ERRNO.EAGAIN ? "none" : "ended";
  }

  send(message: ServerMessage, fds: readonly number[] = []): void {
    this.sendBytes(emitMessage(message), fds);
  }

  /** One that does not read finds out by its own patience: nobody waits for it here. */
  sendBytes(bytes: Uint8Array, fds: readonly number[] = []): void {
    sendMessage(this.fd, bytes, fds);
  }

  /** Asks the kernel for something in the member's namespace; what the member itself has changed there is its own affair. */
  ask(requests: readonly Request[]): void {
    if (requests.length > 0) this.link?.ask(requests);
  }

  setNames(names: HostsTable): void {
    this.attached?.stack.setOwnNames(names);
  }

  /** A frame of its own. */
  frame(bytes: Uint8Array, now: number): void {
    this.attached?.device.offer(bytes);
    this.attached?.stack.ready(0, now);
  }

  /** Does what is due. */
  turn(): void {
    const stack = this.attached?.stack;
    if (stack !== undefined && stack.timeout <= 0) stack.turn(0);
  }

  get timeout(): number {
    const own = this.attached?.stack.timeout ?? Number.POSITIVE_INFINITY;
    return this.#leaving === undefined ? own : Math.min(own, PATIENCE);
  }

  leave(now: number): void {
    this.#connection.close();
    this.attached?.tell?.close();
    this.#leaving = { since: now, passing: this.attached?.stack.passing };
  }

  /** Of one that leaves: has all been passed on, or does nobody take it? */
  isGone(now: number): boolean {
    if (this.#leaving === undefined) return false;
    const passing = this.attached?.stack.passing;
    if (passing === undefined) return true;
    if (passing !== this.#leaving.passing) this.#leaving = { since: now, passing };
    return now - this.#leaving.since >= PATIENCE;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
    this.link?.[Symbol.dispose]();
    for (const { socket } of this.ports) if (this.attached === undefined) socket.close();
    if (this.attached === undefined) return;
    const { stack, device, tell, files } = this.attached;
    stack[Symbol.dispose]();
    device[Symbol.dispose]();
    for (const fd of [tell, ...files]) fd?.close();
  }
}
