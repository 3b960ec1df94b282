// The supervisor of a network: has the bridge, gives members their addresses and their wires, and is the other end of the uplink, with a
// stack of its own for each member: so each has its own rules, names and ports, and a frame is a member's only if it came from the hardware
// address that this was given (the bridge sees to that), and is from its addresses (the stack does).
import { Fd } from "../../ffi/fd.ts";
import { flock, LOCK_EX, LOCK_NB, LOCK_UN, readlink } from "../../ffi/file.ts";
import { acceptAny } from "../../ffi/socket.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import type { Message } from "../../ffi/unix_message.ts";
import { peerProcess } from "../../ffi/unix_socket.ts";
import { unmapCode } from "../../ffi/unmapped_code.ts";
import { type HostEntry, HostsTable } from "../net/dns/hosts_file.ts";
import { Reactor } from "../net/flow/reactor.ts";
import { parseEthernet } from "../net/wire/ethernet.ts";
import { parseIpAddress } from "../net/wire/ip_address.ts";
import type { MacAddress } from "../net/wire/mac_address.ts";
import { VIRTIO_NET_HDR_LENGTH } from "../net/wire/virtio_net_hdr.ts";
import { Allotment } from "./allotment.ts";
import { type Bridge, neighbours, noNeighbours } from "./bridge.ts";
import type { NetworkDefinition } from "./definition.ts";
import { Member } from "./member.ts";
import { type MemberTools, memberStack } from "./member_stack.ts";
import { type Attach, type ClientMessage, parseClientMessage } from "./messages.ts";
import { NetworkError } from "./network_error.ts";

export type ServerInputs = {
  readonly name: string;
  readonly definition: NetworkDefinition;
  readonly bridge: Bridge;
  /** Listening, non-blocking. */
  readonly listener: Fd;
  /** The user namespace that members go into. */
  readonly userNamespace: Fd;
  /** Of the file that is locked while somebody connects. */
  readonly lock: Fd;
  readonly uid: number;
  /** Takes the socket's name away. */
  readonly unlink: () => void;
  readonly tools: MemberTools;
};

/** Frames of one round: then others have their turn. */
const MOST_FRAMES = 64;
/** Whoever has started it connects at once, unless it has been killed. */
const FIRST_MEMBER = 10_000;
/** For whoever holds the lock and has not connected yet, until it is looked at again. */
const LOCK_HELD = 100;
/** After a member has come, until what that took is given back. */
const SETTLING = 500;

export class Server {
  readonly #inputs: ServerInputs;
  readonly #reactor = new Reactor(() => performance.now());
  readonly #allotment: Allotment;
  readonly #members = new Map<Member, number>();
  /** By what their stacks are waited for. */
  readonly #stacks = new Map<Member, { readonly fd: number; readonly token: number }>();
  readonly #byHardware = new Map<MacAddress, Member>();
  #wasBusy = false;
  #stopped = false;
  #isSettling = true;
  #settledAt = 0;

  constructor(inputs: ServerInputs) {
    this.#inputs = inputs;
    this.#allotment = new Allotment(inputs.definition);
  }

  /** Until the last member has gone. */
  run(): void {
    const { listener, bridge } = this.#inputs;
    let isBusy = false;
    this.#reactor.add(bridge.device.fd, { ready: (_, now) => (isBusy = this.#frames(now)) });
    this.#reactor.add(listener.number, { ready: () => this.#accept() });
    this.#reactor.wait(FIRST_MEMBER);
    do {
      const now = performance.now();
      isBusy = false;
      this.#reactor.dispatch(now);
      this.#wasBusy = isBusy;
      for (const member of this.#members.keys()) member.turn();
      this.#settle(performance.now());
      if (this.#members.size > 0) this.#wait();
    } while (!this.#isOver());
  }

  #wait(): void {
    const timeout = this.#timeout;
    if (!this.#isSettling) return this.#reactor.wait(timeout);
    this.#reactor.wait(Math.min(timeout, SETTLING));
    if (performance.now() < this.#settledAt) return;
    this.#isSettling = false;
    Bun.gc(true);
    unmapCode();
  }

  get #timeout(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const member of this.#members.keys()) least = Math.min(least, member.timeout);
    return Math.max(0, least);
  }

  /**
   * Nobody can connect between the last look and the end: whoever does holds the lock. Whoever holds it may also wait for an answer of ours,
   * so it is not waited for.
   */
  #isOver(): boolean {
    if (this.#stopped) this.#inputs.unlink();
    if (this.#members.size > 0 || this.#stopped) return this.#stopped;
    const { lock } = this.#inputs;
    const isOurs = flock(lock.number, "the network", LOCK_EX | LOCK_NB);
    this.#accept();
    if (isOurs && this.#members.size === 0) {
      this.#inputs.unlink();
      return true;
    }
    if (isOurs) flock(lock.number, "the network", LOCK_UN);
    this.#reactor.wait(this.#members.size > 0 ? 0 : LOCK_HELD);
    return false;
  }

  #accept(): void {
    const { listener, uid } = this.#inputs;
    for (let number = acceptAny(listener.number); number >= 0; number = acceptAny(listener.number)) {
      const peer = peerProcess(number);
      const connection = new Fd(number);
      if (peer?.uid !== uid || isInside(peer.pid)) connection.close();
      else this.#add(new Member(connection, peer.pid));
    }
  }

  #add(member: Member): void {
    const ready = (): void => {
      try {
        this.#receive(member);
      } catch (error) {
        console.error(error);
        this.#leave(member);
      }
    };
    this.#members.set(member, this.#reactor.add(member.fd, { ready }));
  }

  /** One frame, most likely, unless there were some in the last round. True if there was one. */
  #frames(now: number): boolean {
    const { device } = this.#inputs.bridge;
    for (let i = 0; i < (this.#wasBusy ? MOST_FRAMES : 1); i++) {
      const frame = device.read();
      if (frame === undefined) return i > 0;
      const ethernet = parseEthernet(frame.subarray(VIRTIO_NET_HDR_LENGTH));
      if (ethernet !== undefined) this.#byHardware.get(ethernet.source)?.frame(frame, now);
    }
    return true;
  }

  #receive(member: Member): void {
    for (let message = member.receive(); message !== "none"; message = member.receive()) {
      if (message === "ended") return this.#leave(member);
      const isChild = message.bytes.length === 1 && message.bytes[0] === 0;
      const isSound = isChild ? this.#link(member, message) : this.#answer(member, message);
      if (!isSound) return this.#refuseMessage(member, message);
    }
  }

  #refuseMessage(member: Member, { fds }: Message): void {
    for (const fd of fds) fd.close();
    member.send({ kind: "refused", cause: "the message is none that this version knows", hint: "" });
    this.#leave(member);
  }

  #answer(member: Member, { bytes, fds }: Message): boolean {
    const message = parseClientMessage(bytes);
    if (message?.kind === "ports") return takePorts(member, message, fds);
    if (message?.kind === "attach") return this.#attach(member, message, fds);
    if (message === undefined || fds.length > 0) return false;
    if (message.kind === "join") this.#join(member);
    if (message.kind === "stop") this.#stopped = true;
    if (message.kind === "members")
      member.send({ kind: "members", members: [...this.#members.keys()].flatMap(({ info }) => info ?? []) });
    return true;
  }

  #join(member: Member): void {
    member.joined ??= this.#allotment.take();
    if (member.joined === undefined)
      return member.send({
        kind: "refused",
        cause: "all of its addresses are taken",
        hint: "make a larger one: --subnet",
      });
    const { ipv4 = null, ipv6 = null } = member.joined.allotted;
    member.send({ kind: "joined", ipv4, ipv6 }, [this.#inputs.userNamespace.number]);
  }

  #attach(member: Member, attach: Attach, fds: readonly Fd[]): boolean {
    if (member.joined === undefined || member.attached !== undefined) return false;
    const { definition, bridge, tools } = this.#inputs;
    const judged = memberStack({
      attach,
      fds,
      ports: member.ports,
      definition,
      bridge,
      tools,
      allotted: member.joined.allotted,
    });
    if (judged === undefined) return false;
    if (judged.kind === "refused") {
      for (const fd of fds) fd.close();
      member.send(judged);
      return true;
    }
    // Its child makes its namespaces meanwhile.
    member.send({ kind: "attached" });
    member.attached = judged.make();
    const { stack } = member.attached;
    const token = this.#reactor.add(stack.fd, { ready: () => stack.turn(0) });
    this.#stacks.set(member, { fd: stack.fd, token });
    return true;
  }

  /** Its child is there: a wire to it, and the others learn of it. */
  #link(member: Member, { fds }: Message): boolean {
    const [namespace, netlink, more] = fds;
    if (!namespace || !netlink || more || !member.joined || !member.attached || member.link) return false;
    const { allotted } = member.joined;
    try {
      member.link = this.#inputs.bridge.attach({ namespace, netlink }, allotted);
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      console.error(error.message);
      member.sendBytes(new Uint8Array(Int32Array.of(-error.errno).buffer));
      return true;
    }
    this.#byHardware.set(allotted.hardwareAddress, member);
    for (const [other] of this.#members) {
      if (other === member || !other.isLinked || !other.joined) continue;
      other.ask(neighbours(allotted));
      member.ask(neighbours(other.joined.allotted));
    }
    this.#tellNames();
    this.#isSettling = true;
    this.#settledAt = performance.now() + SETTLING;
    member.sendBytes(new Uint8Array(Int32Array.of(0).buffer));
    return true;
  }

  /** Its process has ended, so its sandbox has. */
  #leave(member: Member): void {
    if (member.isLeaving) return;
    const token = this.#members.get(member);
    if (token !== undefined) this.#reactor.remove(member.fd, token);
    member.leave(performance.now());
    if (!member.link || !member.joined) return;
    for (const [other] of this.#members) if (other.isLinked) other.ask(noNeighbours(member.joined.allotted));
    this.#tellNames();
  }

  /** Takes out those that have left and whose last bytes are passed on. */
  #settle(now: number): void {
    for (const member of this.#members.keys()) {
      if (!member.isGone(now)) continue;
      this.#members.delete(member);
      const stack = this.#stacks.get(member);
      if (stack) this.#reactor.remove(stack.fd, stack.token);
      this.#stacks.delete(member);
      if (member.joined) {
        this.#byHardware.delete(member.joined.allotted.hardwareAddress);
        this.#allotment.giveBack(member.joined.host);
      }
      member[Symbol.dispose]();
    }
  }

  #tellNames(): void {
    const entries = [...this.#members.keys()].flatMap((member) => this.#entriesOf(member));
    for (const member of this.#members.keys()) {
      const added = member.attached?.attach.resolver.hosts ?? [];
      const own = added.flatMap(({ name, address }) => entry([name], address));
      member.setNames(new HostsTable([...entries, ...own]));
    }
  }

  #entriesOf(member: Member): readonly HostEntry[] {
    if (!member.isLinked || !member.joined) return [];
    const names = member.names.flatMap((name) => [name, `${name}.${this.#inputs.name}`]);
    const { ipv4, ipv6 } = member.joined.allotted;
    return [ipv4, ipv6].flatMap((texts) => (texts ? entry(names, texts.address) : []));
  }
}

/**
 * Is it a member's command? Its socket is not shown inside, but a descriptor may have been handed on. The user namespace of such a one is nested in
 * ours, so we may see which it is; that of a caller on the host we may not.
 */
function isInside(pid: number): boolean {
  try {
    const theirs = readlink(`/proc/${pid}/ns/user`);
    return theirs !== undefined && theirs !== readlink("/proc/self/ns/user");
  } catch (error) {
    if (error instanceof SyscallError) return false;
    throw error;
  }
}

function takePorts(member: Member, { ports }: Extract<ClientMessage, { kind: "ports" }>, fds: readonly Fd[]): boolean {
  if (member.joined === undefined || member.attached !== undefined || fds.length !== ports.length) return false;
  ports.forEach((port, i) => {
    const socket = fds[i];
    if (socket) member.ports.push({ ...port, socket });
  });
  return true;
}

function entry([first, ...names]: readonly string[], text: string): readonly HostEntry[] {
  const address = parseIpAddress(text);
  return address === undefined || first === undefined ? [] : [{ address, names: [first, ...names] }];
}
