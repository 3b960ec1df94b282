// The name server of the sandbox's network: queries by UDP and TCP, answered by the resolver (dns/resolver.ts) or by the host's servers,
// each of which is asked from a socket of its own for each question: its port is one more thing that a forger would have to guess
// (RFC 5452 section 9.2). When the host's files change, so do the servers: a laptop moves from one network to another.
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT } from "../../../ffi/epoll.ts";
import { ERRNO } from "../../../ffi/errno.ts";
import { rawSyscall } from "../../../ffi/libc.ts";
import type { PinnedBuffer } from "../../../ffi/pinned_buffer.ts";
import { Sockaddr } from "../../../ffi/sockaddr.ts";
import { connect, receive, receiveDatagram, send, socket } from "../../../ffi/socket.ts";
import type { HostsTable } from "../dns/hosts_file.ts";
import type { NameServer, ResolverOptions } from "../dns/resolv_conf.ts";
import { Resolver } from "../dns/resolver.ts";
import type { ResolverAction, Transport } from "../dns/resolver_action.ts";
import { frameMessage, MessageReader } from "../dns/tcp_framing.ts";
import { watchesNames } from "../policy/admit_answer.ts";
import { copyAddress } from "../wire/ip_address.ts";
import type { IpPacket } from "../wire/ip_packet.ts";
import type { UdpDatagram } from "../wire/udp.ts";
import type { Egress } from "./egress.ts";
import type { FlowHost } from "./flow_host.ts";
import type { Ready } from "./reactor.ts";
import type { Timed } from "./timers.ts";

export const DNS_PORT = 53;
/** Between two looks at the host's files, in milliseconds. */
const REFRESH = 2000;

export type HostNames = {
  readonly hosts: HostsTable;
  readonly servers: readonly NameServer[];
  readonly options: ResolverOptions;
};

export type NameSettings = {
  /** The sandbox's own name, the host's, those of --add-host. */
  readonly own: HostsTable;
  readonly host: HostNames;
  /** What is new since the last call; `undefined` when nothing is. */
  readonly changes: () => HostNames | undefined;
};

export type NameClient = (answer: Uint8Array) => void;

export class NameService implements Timed {
  readonly #host: FlowHost;
  readonly #buffer: PinnedBuffer;
  readonly #settings: NameSettings;
  readonly #resolver: Resolver<NameClient>;
  readonly #questions = new Map<number, Question>();
  #looked = 0;

  constructor(host: FlowHost, egress: Egress, settings: NameSettings, buffer: PinnedBuffer) {
    this.#host = host;
    this.#buffer = buffer;
    this.#settings = settings;
    this.#resolver = new Resolver({
      own: settings.own,
      ...settings.host,
      hooks: egress.hooks,
      withholdServiceBindings: watchesNames(egress.policy),
      random: (below) => host.random() % below,
    });
  }

  get deadline(): number | undefined {
    return this.#resolver.pollAt;
  }

  expire(now: number): void {
    this.#perform(this.#resolver.tick(now), now);
  }

  /** A datagram for the name server's port. */
  datagram({ source, destination }: IpPacket, { sourcePort, payload }: UdpDatagram, now: number): void {
    const route = { source: copyAddress(destination), destination: copyAddress(source) };
    const client: NameClient = (answer) =>
      this.#host.writer.udp(route, { sourcePort: DNS_PORT, destinationPort: sourcePort }, answer);
    this.query(payload, client, "udp", now);
  }

  setOwnNames(own: HostsTable): void {
    this.#resolver.setOwnNames(own);
  }

  query(bytes: Uint8Array, client: NameClient, transport: Transport, now: number): void {
    this.#refresh(now);
    this.#perform(this.#resolver.query(bytes, client, transport, now), now);
  }

  response(id: number, bytes: Uint8Array, now: number): void {
    this.#perform(this.#resolver.response(id, bytes, now), now);
  }

  failed(id: number, now: number): void {
    this.#perform(this.#resolver.failed(id, now), now);
  }

  close(): void {
    for (const question of this.#questions.values()) question.close();
  }

  #perform(actions: readonly ResolverAction<NameClient>[], now: number): void {
    const failed: number[] = [];
    for (const action of actions) {
      if (action.kind === "answer") action.client(action.bytes);
      else if (action.kind === "forget") this.#forget(action.id);
      else if (!this.#ask(action)) failed.push(action.id);
    }
    for (const id of failed) this.failed(id, now);
    this.#host.timers.update(this);
  }

  #ask(action: Extract<ResolverAction<NameClient>, { kind: "send" }>): boolean {
    const question = Question.open(this.#host, this, action, this.#buffer);
    if (question !== undefined) this.#questions.set(action.id, question);
    return question !== undefined;
  }

  #forget(id: number): void {
    this.#questions.get(id)?.close();
    this.#questions.delete(id);
  }

  #refresh(now: number): void {
    if (now - this.#looked < REFRESH) return;
    this.#looked = now;
    const changed = this.#settings.changes();
    if (changed === undefined) return;
    this.#resolver.setHosts(changed.hosts);
    this.#perform(this.#resolver.setServers(changed.servers, changed.options, now), now);
  }
}

type Send = Extract<ResolverAction<NameClient>, { kind: "send" }>;

/** One question to one server. */
class Question implements Ready {
  readonly #service: NameService;
  readonly #host: FlowHost;
  readonly #send: Send;
  readonly #buffer: PinnedBuffer;
  readonly #fd: number;
  readonly #token: number;
  readonly #reader = new MessageReader();
  /** Of a stream, what is still to be written. */
  #unsent: Uint8Array;
  #closed = false;

  private constructor(host: FlowHost, service: NameService, send: Send, buffer: PinnedBuffer, fd: number) {
    this.#host = host;
    this.#service = service;
    this.#send = send;
    this.#buffer = buffer;
    this.#fd = fd;
    this.#unsent = send.transport === "tcp" ? frameMessage(send.bytes) : new Uint8Array();
    this.#token = host.reactor.add(fd, this, send.transport === "tcp" ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  static open(host: FlowHost, service: NameService, question: Send, buffer: PinnedBuffer): Question | undefined {
    const { server, transport, bytes } = question;
    const fd = socket(server.address.family, transport === "tcp" ? "stream" : "datagram");
    if (fd < 0) return undefined;
    const result = connect(fd, new Sockaddr({ address: server.address, port: DNS_PORT }));
    const isUnderWay = result === 0 || result === -ERRNO.EINPROGRESS;
    if (isUnderWay && (transport === "tcp" || send(fd, bytes, bytes.length) >= 0))
      return new Question(host, service, question, buffer, fd);
    rawSyscall("close", fd);
    return undefined;
  }

  ready(events: number, now: number): void {
    const { id, transport } = this.#send;
    if (transport === "tcp") return this.#stream(events, now);
    const length = receiveDatagram(this.#fd, this.#buffer.address, this.#buffer.bytes.length);
    if (length >= 0) this.#service.response(id, this.#buffer.bytes.slice(0, length), now);
    else if (length !== -ERRNO.EAGAIN) this.#service.failed(id, now);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.reactor.remove(this.#fd, this.#token);
    rawSyscall("close", this.#fd);
  }

  #stream(events: number, now: number): void {
    const { id } = this.#send;
    if (events & (EPOLLERR | EPOLLHUP)) return this.#service.failed(id, now);
    if (events & EPOLLOUT && this.#unsent.length > 0) {
      const sent = send(this.#fd, this.#unsent, this.#unsent.length);
      if (sent > 0) this.#unsent = this.#unsent.subarray(sent);
      if (this.#unsent.length === 0) this.#host.reactor.change(this.#fd, this.#token, EPOLLIN);
    }
    if ((events & EPOLLIN) === 0) return;
    const length = receive(this.#fd, this.#buffer.address, this.#buffer.bytes.length);
    if (length === 0 || (length < 0 && length !== -ERRNO.EAGAIN)) return this.#service.failed(id, now);
    const [message] = length > 0 ? this.#reader.push(this.#buffer.bytes.subarray(0, length)) : [];
    if (message) this.#service.response(id, message, now);
  }
}
