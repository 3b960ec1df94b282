// Queries on their way to the host's resolvers. A try is one message to one server, with an id of its own. Tries follow
// each other when one fails at once (an error of the server's, a refused connection) or when FAILOVER_MS have passed; an
// earlier try stays open, so that a slow server's answer still counts. The first answer that is one ends them all. When
// none is left, the client gets the last server's error, or SERVFAIL.
//
// A query that came by TCP wants more than a datagram holds, and is forwarded by TCP; by UDP only where no server takes
// TCP. A truncated answer to one that came by UDP is passed on as it is: the client comes again by TCP.
import { DNS_RCODE } from "../wire/dns.ts";
import { type Answer, answer, fitting, isSameQuestion, type Query, readAnswer, withId } from "./message.ts";
import type { NameServer, ResolverOptions } from "./resolv_conf.ts";
import type { ResolverAction, Transport } from "./resolver_action.ts";
import { ServerOrder } from "./server_order.ts";

export type Forwarded<Client> = {
  readonly client: Client;
  readonly query: Query;
  /** As the client sent it. */
  readonly bytes: Uint8Array;
  readonly transport: Transport;
};

/** Makes what the client is told of what a server said. */
export type Admit = (query: Query, answer: Answer, now: number) => Uint8Array;

type PlannedTry = { readonly server: NameServer; readonly transport: Transport };

type Pending<Client> = Forwarded<Client> & {
  planned: readonly PlannedTry[];
  /** Ids of the tries that wait for an answer. */
  readonly open: Set<number>;
  /** When the next try is made, or all of them are given up. */
  deadline: number;
  /** What the client is told if no server can answer: the last error of one. */
  failure: number;
};

type OpenTry<Client> = PlannedTry & { readonly pending: Pending<Client> };
type Actions<Client> = readonly ResolverAction<Client>[];

const FAILOVER_MS = 1500;
const MOST_PENDING = 512;
const IDS = 65536;
/** The others say that this server cannot or will not; another may. */
const FINAL_RCODES: readonly number[] = [DNS_RCODE.NO_ERROR, DNS_RCODE.NAME_ERROR];

export class Forwarder<Client> {
  readonly #admit: Admit;
  readonly #random: (below: number) => number;
  readonly #pending = new Set<Pending<Client>>();
  readonly #tries = new Map<number, OpenTry<Client>>();
  #options: ResolverOptions;
  #order: ServerOrder;

  /** `random`: an integer in [0, below), not to be guessed. */
  constructor(
    servers: readonly NameServer[],
    options: ResolverOptions,
    random: (below: number) => number,
    admit: Admit,
  ) {
    this.#admit = admit;
    this.#random = random;
    this.#options = options;
    this.#order = new ServerOrder(servers, options);
  }

  get outstanding(): number {
    return this.#pending.size;
  }

  get pollAt(): number | undefined {
    let earliest: number | undefined;
    for (const { deadline } of this.#pending) earliest = Math.min(earliest ?? deadline, deadline);
    return earliest;
  }

  ask(forwarded: Forwarded<Client>, now: number): Actions<Client> {
    // Asked again because the answer takes its time: the tries that are under way serve for both.
    if (this.#isPending(forwarded)) return [];
    const { client, query } = forwarded;
    if (this.#pending.size >= MOST_PENDING)
      return [{ kind: "answer", client, bytes: answer(query, DNS_RCODE.SERVER_FAILURE) }];
    const planned = this.#plan(forwarded.transport, now);
    const pending = {
      ...forwarded,
      planned,
      open: new Set<number>(),
      deadline: now,
      failure: DNS_RCODE.SERVER_FAILURE,
    };
    this.#pending.add(pending);
    return this.#advance(pending, now);
  }

  /** What is no answer to try `id` is as if it had not come. */
  response(id: number, bytes: Uint8Array, now: number): Actions<Client> {
    const made = this.#tries.get(id);
    const read = made && readAnswer(bytes, id, made.pending.query);
    if (!made || !read) return [];
    const { pending } = made;
    this.#order.answered(made.server);
    const isShort = read.isTruncated && pending.transport === "tcp";
    if (FINAL_RCODES.includes(read.rcode) && !isShort)
      return this.#finish(pending, this.#admit(pending.query, read, now));
    if (!isShort) pending.failure = read.rcode;
    return [this.#close(pending, id), ...this.#advance(pending, now)];
  }

  failed(id: number, now: number): Actions<Client> {
    const made = this.#tries.get(id);
    if (!made) return [];
    // One that answers UDP and takes no TCP is no silent one.
    if (made.transport === "udp") this.#order.wasSilent(made.server, now);
    return [this.#close(made.pending, id), ...this.#advance(made.pending, now)];
  }

  tick(now: number): Actions<Client> {
    const due = [...this.#pending].filter(({ deadline }) => deadline <= now);
    return due.flatMap((pending) => {
      this.#blameOpen(pending, now);
      return pending.planned.length > 0 ? this.#advance(pending, now) : this.#fail(pending);
    });
  }

  setServers(servers: readonly NameServer[], options: ResolverOptions, now: number): Actions<Client> {
    this.#options = options;
    this.#order = new ServerOrder(servers, options);
    return [...this.#pending].flatMap((pending) => {
      const closed = this.#closeAll(pending);
      pending.planned = this.#plan(pending.transport, now);
      pending.failure = DNS_RCODE.SERVER_FAILURE;
      return [...closed, ...this.#advance(pending, now)];
    });
  }

  #isPending({ client, query }: Forwarded<Client>): boolean {
    for (const one of this.#pending)
      if (one.client === client && one.query.id === query.id && isSameQuestion(one.query.question, query.question))
        return true;
    return false;
  }

  #plan(transport: Transport, now: number): readonly PlannedTry[] {
    const servers = this.#order.next(now);
    const by = (one: Transport): readonly PlannedTry[] => servers.map((server) => ({ server, transport: one }));
    if (transport === "tcp") return [...by("tcp"), ...by("udp")];
    const round = by(this.#options.useTcp ? "tcp" : "udp");
    return Array.from({ length: this.#options.attempts }, () => round).flat();
  }

  /** The next try; without one, whatever is open is waited for. */
  #advance(pending: Pending<Client>, now: number): Actions<Client> {
    const [next, ...later] = pending.planned;
    if (!next) return pending.open.size > 0 ? [] : this.#fail(pending);
    pending.planned = later;
    pending.deadline = now + (later.length > 0 ? FAILOVER_MS : this.#options.timeout * 1000);
    const id = this.#freeId();
    pending.open.add(id);
    this.#tries.set(id, { ...next, pending });
    return [{ kind: "send", server: next.server, id, bytes: withId(pending.bytes, id), transport: next.transport }];
  }

  /** There are fewer tries than ids by far, see the limits; the search ends. */
  #freeId(): number {
    let id = this.#random(IDS);
    while (this.#tries.has(id)) id = (id + 1) % IDS;
    return id;
  }

  #blameOpen(pending: Pending<Client>, now: number): void {
    for (const id of pending.open) {
      const made = this.#tries.get(id);
      if (made) this.#order.wasSilent(made.server, now);
    }
  }

  #fail(pending: Pending<Client>): Actions<Client> {
    return this.#finish(pending, answer(pending.query, pending.failure));
  }

  #finish(pending: Pending<Client>, bytes: Uint8Array): Actions<Client> {
    this.#pending.delete(pending);
    const { client, query } = pending;
    const told = withId(fitting(query, bytes), query.id);
    return [{ kind: "answer", client, bytes: told }, ...this.#closeAll(pending)];
  }

  #closeAll(pending: Pending<Client>): Actions<Client> {
    return [...pending.open].map((id) => this.#close(pending, id));
  }

  #close(pending: Pending<Client>, id: number): ResolverAction<Client> {
    pending.open.delete(id);
    this.#tries.delete(id);
    return { kind: "forget", id };
  }
}
