// Performs connect, bind and listen for a command that may not (src/plan/plan_connects.ts), and makes of connections that may leave the host's
// own. Whatever is decided is decided of copies: of the address, in our memory, and of the socket, by a descriptor of ours. What the command's
// other threads do to the originals meanwhile changes nothing here.
//
// Why it holds, call by call, although a socket of the host's is inside (test/integration/fast_policy.test.ts tries each):
//
//   connect   of TCP is never left to the command: Landlock denies it, and is asked with the address as the kernel has copied it. A call
//             on another kind of socket is, and should that be one of TCP by then, it is denied. AF_UNSPEC, which Landlock lets pass,
//             disconnects: what is left is a socket that can be connected by nobody
//   bind      likewise
//   listen    would bind by itself, and is asked for nowhere: we perform it for sockets of every kind, and never for the host's
//   sendto    with MSG_FASTOPEN connects: refused by the filter, by a register; so are options that lead packets elsewhere
//   SCM_RIGHTS, dup2, fork, execve: all that comes of the command is in the same Landlock domain, under the same filters
//   the rest  of what a TCP socket can do to the network it is of asks for capabilities that the command has not there: its user namespace
//             is not the one that owns the host's
import { EPOLLHUP, EPOLLIN } from "../../../ffi/epoll.ts";
import { ERRNO } from "../../../ffi/errno.ts";
import { ForeignMemory } from "../../../ffi/foreign_process.ts";
import { rawSyscall } from "../../../ffi/libc.ts";
import { PinnedBuffer } from "../../../ffi/pinned_buffer.ts";
import type { CaughtCall, SeccompNotify } from "../../../ffi/seccomp_notify.ts";
import { Sockaddr } from "../../../ffi/sockaddr.ts";
import { connect, listen, socket } from "../../../ffi/socket.ts";
import { OptionReader } from "../../../ffi/socket_option.ts";
import { isListening } from "../../../ffi/unix_socket.ts";
import type { Egress } from "../flow/egress.ts";
import type { FlowHost } from "../flow/flow_host.ts";
import type { Network } from "../flow/network_way.ts";
import type { Ready } from "../flow/reactor.ts";
import { CarriedOptions } from "./carried_options.ts";
import { callName } from "./caught_call.ts";
import { CaughtSocket } from "./caught_socket.ts";
import { AF_UNSPEC, addressFor, familyOf, type HostTarget, hostTarget, targetOf } from "./connect_target.ts";
import { placeOf } from "./descriptor_place.ts";
import { type Claim, HostConnection, isUnderWay } from "./host_connection.ts";
import { SandboxConnection } from "./sandbox_connection.ts";

/** sizeof(struct sockaddr_storage): longer ones are EINVAL. */
const MOST_ADDRESS = 128;
/** Connections under way; those beyond are the stack's, which has limits of its own. */
const MOST_CONNECTING = 1024;
const F_SETFL = 4;
const NOWHERE = { 4: { family: 4, bytes: new Uint8Array(4) }, 6: { family: 6, bytes: new Uint8Array(16) } } as const;

export class ConnectService implements Ready, Disposable {
  readonly #host: FlowHost;
  readonly #network: Network;
  readonly #egress: Egress;
  readonly #notify: SeccompNotify;
  readonly #namespace: string | undefined;
  readonly #options = new OptionReader();
  readonly #carried = new CarriedOptions(this.#options);
  readonly #memory = new ForeignMemory();
  readonly #address = new PinnedBuffer(MOST_ADDRESS);
  readonly #sockaddr = new Sockaddr();
  readonly #hostCookie: bigint;
  #sandboxCookie: bigint | undefined;
  /** By the cookie of the command's socket. */
  readonly #connections = new Map<bigint, HostConnection | SandboxConnection>();
  #token: number | undefined;

  /** Takes the listener over. `namespace` is the sandbox's, whose sockets may be exchanged. */
  constructor(host: FlowHost, network: Network, egress: Egress, notify: SeccompNotify, namespace: string | undefined) {
    this.#host = host;
    this.#network = network;
    this.#egress = egress;
    this.#notify = notify;
    this.#namespace = namespace;
    this.#hostCookie = hostCookie(this.#options);
    this.#token = host.reactor.add(notify.fd, this, EPOLLIN);
  }

  ready(events: number): void {
    if (events & EPOLLIN) {
      const call = this.#notify.receive();
      if (call !== undefined) this.#perform(call);
    } else if (events & EPOLLHUP) this.#forget();
  }

  [Symbol.dispose](): void {
    for (const one of [...this.#connections.values()]) one.close();
    this.#forget();
    this.#notify[Symbol.dispose]();
  }

  /** Nobody is left who could make a call. */
  #forget(): void {
    if (this.#token !== undefined) this.#host.reactor.remove(this.#notify.fd, this.#token);
    this.#token = undefined;
  }

  #perform(call: CaughtCall): void {
    const own = CaughtSocket.open(this.#options, call.pid, int(call.args[0]));
    if (typeof own === "number") {
      this.#notify.answer(call.id, own === -ERRNO.ESRCH ? -ERRNO.EBADF : own);
      return;
    }
    let isKept = false;
    try {
      switch (callName(call.arch, call.number)) {
        case "listen":
          return this.#listen(call, own);
        case "bind":
          return this.#bind(call, own);
        case "connect":
          isKept = this.#connect(call, own);
          return;
        case undefined:
          this.#notify.answer(call.id, -ERRNO.ENOSYS);
      }
    } finally {
      if (!isKept) own[Symbol.dispose]();
    }
  }

  /** One that listens already was handed to the command (--listen). */
  #listen({ id, args }: CaughtCall, own: CaughtSocket): void {
    const isOfHost = own.streamFamily !== undefined && own.networkCookie === this.#hostCookie;
    const isHost = isOfHost && isListening(own.fd) !== true;
    // Should the caller have gone, its number may have been another's when its descriptor was asked for.
    if (!this.#notify.isWaiting(id)) return;
    this.#notify.answer(id, isHost ? -ERRNO.EINVAL : listen(own.fd, int(args[1])));
  }

  #bind(call: CaughtCall, own: CaughtSocket): void {
    if (own.streamFamily === undefined) return void this.#notify.let(call.id);
    const length = this.#copyAddress(call);
    if (length < 0) return void this.#notify.answer(call.id, length);
    const isHost = own.networkCookie === this.#hostCookie;
    const result = isHost ? -ERRNO.EINVAL : rawSyscall("bind", own.fd, this.#address.address, length);
    this.#notify.answer(call.id, result);
  }

  /** True when `own` is still needed. */
  #connect(call: CaughtCall, own: CaughtSocket): boolean {
    const family = own.streamFamily;
    if (family === undefined) {
      this.#notify.let(call.id);
      return false;
    }
    const length = this.#copyAddress(call);
    if (length < 0) {
      this.#notify.answer(call.id, length);
      return false;
    }
    const address = this.#address.bytes.subarray(0, length);
    const cookie = own.networkCookie;
    if (cookie === this.#hostCookie) return this.#connectAgain(call, own, family, address);
    if (own.isTcp && this.#isSandbox(own, cookie) && this.#exchange(call, own, family, address)) return false;
    return this.#connectInside(call, own, family, length);
  }

  /** The caller's address, in memory of ours: its length, or a negated errno. */
  #copyAddress({ id, pid, args: [, from = 0n, length] }: CaughtCall): number {
    const bytes = int(length);
    if (bytes < 0 || bytes > MOST_ADDRESS) return -ERRNO.EINVAL;
    if (bytes > 0 && this.#memory.read(pid, Number(from), this.#address.address, bytes) !== bytes) return -ERRNO.EFAULT;
    // As in #listen; only now all has been read that is known by that number.
    return this.#notify.isWaiting(id) ? bytes : -ERRNO.ESRCH;
  }

  #isSandbox(own: CaughtSocket, cookie: bigint): boolean {
    if (this.#sandboxCookie === undefined && own.networkIdentity === this.#namespace) this.#sandboxCookie = cookie;
    return cookie === this.#sandboxCookie;
  }

  /** A socket of the host's is asked how it is: an address is of no matter to one that has been connected, and this one leads nowhere. */
  #connectAgain(call: CaughtCall, own: CaughtSocket, family: 4 | 6, address: Uint8Array): boolean {
    if (familyOf(address) === AF_UNSPEC) {
      this.#notify.answer(call.id, -ERRNO.EOPNOTSUPP);
      return false;
    }
    const nowhere = this.#sockaddr.set(NOWHERE[family], 0);
    const result = own.connect(nowhere.address, nowhere.length);
    return this.#settle(call, own, family, result);
  }

  #connectInside(call: CaughtCall, own: CaughtSocket, family: 4 | 6, length: number): boolean {
    return this.#settle(call, own, family, own.connect(this.#address.address, length));
  }

  /** A command that waits is told when there is something to tell. */
  #settle(call: CaughtCall, own: CaughtSocket, family: 4 | 6, result: number): boolean {
    if (!isUnderWay(result) || own.isNonBlocking) {
      this.#notify.answer(call.id, result);
      return false;
    }
    const { cookie } = own;
    this.#connections.get(cookie)?.close();
    const nowhere = new Sockaddr({ address: NOWHERE[family], port: 0 });
    const waiting = new SandboxConnection(this.#host, own, nowhere, {
      answer: (outcome) => this.#notify.answer(call.id, outcome),
      over: (one) => this.#drop(cookie, one),
    });
    this.#connections.set(cookie, waiting);
    return true;
  }

  /** False: nothing was done, and the sandbox's kernel is to be asked. */
  #exchange(call: CaughtCall, own: CaughtSocket, family: 4 | 6, address: Uint8Array): boolean {
    const named = targetOf(address);
    const now = this.#host.now();
    const target = named && hostTarget(this.#network, this.#egress, named, now);
    if (target === undefined) return false;
    const { cookie } = own;
    const under = this.#connections.get(cookie);
    const number = int(call.args[0]);
    if (under instanceof HostConnection && isSame(under.target, target)) {
      const closeOnExec = placeOf(call.pid, number)?.closeOnExec ?? true;
      under.claimAgain(this.#claim(call, own, closeOnExec, target));
      return true;
    }
    if (under !== undefined || this.#connections.size >= MOST_CONNECTING || !isUntouched(own, this.#sockaddr))
      return false;
    const place = placeOf(call.pid, number);
    return place !== undefined && this.#open(call, own, family, target, place.closeOnExec);
  }

  #open(call: CaughtCall, own: CaughtSocket, family: 4 | 6, target: HostTarget, closeOnExec: boolean): boolean {
    const fd = socket(family, "stream");
    if (fd < 0) return false;
    const claim = this.#claim(call, own, closeOnExec, target);
    if (!this.#carried.carry(own.fd, fd, family)) {
      rawSyscall("close", fd);
      return false;
    }
    const to = this.#sockaddr.set(addressFor(family, target.host), target.port);
    let result = connect(fd, to);
    if (own.isNonBlocking) return this.#giveAtOnce(call, fd, result, target, closeOnExec);
    // What is near has answered by now.
    if (isUnderWay(result)) result = connect(fd, to);
    if (result < 0 && !isUnderWay(result)) claim.fail(-result);
    if (!isUnderWay(result)) {
      if (result === 0) claim.install(fd, 0);
      rawSyscall("close", fd);
      return true;
    }
    const { cookie } = own;
    this.#connections.set(cookie, new HostConnection(this.#host, fd, target, claim, (one) => this.#drop(cookie, one)));
    return true;
  }

  #giveAtOnce(call: CaughtCall, fd: number, result: number, target: HostTarget, closeOnExec: boolean): boolean {
    const isGiven = result === 0 || isUnderWay(result);
    if (!isGiven || this.#notify.install(call.id, fd, int(call.args[0]), closeOnExec)) {
      if (isGiven) this.#egress.bypassed(target.address, target.port, this.#host.now());
      this.#notify.answer(call.id, result);
    }
    rawSyscall("close", fd);
    return true;
  }

  #claim({ id, args }: CaughtCall, own: CaughtSocket, closeOnExec: boolean, target: HostTarget): Claim {
    return {
      id,
      until: this.#host.now() + own.patience,
      install: (fd, result) => {
        rawSyscall("fcntl", fd, F_SETFL, 0);
        if (!this.#notify.install(id, fd, int(args[0]), closeOnExec)) return false;
        this.#egress.bypassed(target.address, target.port, this.#host.now());
        this.#notify.answer(id, result);
        return true;
      },
      fail: (errno) => void this.#notify.answer(id, -errno),
    };
  }

  #drop(cookie: bigint, one: HostConnection | SandboxConnection): void {
    if (this.#connections.get(cookie) === one) this.#connections.delete(cookie);
  }
}

/** Neither bound nor connected, and nobody is to be told of it by a signal. */
function isUntouched(own: CaughtSocket, here: Sockaddr): boolean {
  here.makeRoom();
  if (rawSyscall("getsockname", own.fd, here.address, here.lengthAddress) !== 0) return false;
  const { address, port } = here.get();
  return port === 0 && address.bytes.every((byte) => byte === 0) && !own.isAsynchronous;
}

function isSame(one: HostTarget, other: HostTarget): boolean {
  return one.port === other.port && Buffer.compare(one.address.bytes, other.address.bytes) === 0;
}

/** An argument that the kernel takes as an int: the low half of the register. */
function int(argument = 0n): number {
  return Number(BigInt.asIntN(32, argument));
}

const SO_NETNS_COOKIE = [1, 71] as const;

function hostCookie(options: OptionReader): bigint {
  const fd = socket(4, "stream");
  const cookie = options.wide(fd, SO_NETNS_COOKIE);
  rawSyscall("close", fd);
  if (cookie === undefined) throw new Error("the kernel does not tell network namespaces apart (SO_NETNS_COOKIE)");
  return cookie;
}
