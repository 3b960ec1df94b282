// The resolver that the sandbox sees, as a state machine: bytes in, actions out, time an argument.
//
//   query ──> own names ──> policy ──> the host's /etc/hosts ──> forward ──> addresses checked ──> answer
//
// A name that may not be asked for is REFUSED. So is one whose answer holds no address that may be told (rebinding); what
// is left of an answer, when some may and some may not, is told alone. Each address that is told is bound to its name.
import { DNS_CLASS, DNS_RCODE, DNS_TYPE, type DnsRecord } from "../wire/dns.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { answerAddresses } from "./answer_addresses.ts";
import { type Forwarded, Forwarder } from "./forwarder.ts";
import type { HostsTable } from "./hosts_file.ts";
import { LOCAL_TTL, type LocalAnswer, ownAnswer, tableAnswer } from "./local_answers.ts";
import { type Answer, addressIn, answer, type Query, readQuery } from "./message.ts";
import type { NameServer, ResolverOptions } from "./resolv_conf.ts";
import type { ResolverAction, Transport } from "./resolver_action.ts";

/** What the policy says of names, and what it learns of them. Names are in lower case. */
export type ResolverHooks = {
  readonly allowsQuery: (name: string) => boolean;
  /** Whether an answer from outside may give this address to this name. */
  readonly admitsAddress: (name: string, address: IpAddress) => boolean;
  /** `ttl` in seconds; the address's bytes are those of the message, to be copied by who keeps them. */
  readonly bind: (name: string, address: IpAddress, ttl: number, now: number) => void;
};

export type ResolverConfig = {
  /** The sandbox's name, those of its network, host.sandbox.internal, `--add-host`. */
  readonly own: HostsTable;
  /** The host's /etc/hosts. */
  readonly hosts: HostsTable;
  readonly servers: readonly NameServer[];
  readonly options: ResolverOptions;
  readonly hooks: ResolverHooks;
  /** SVCB and HTTPS records are answered with nothing: they lead to ECH and QUIC, which hide the name. */
  readonly withholdServiceBindings: boolean;
  /** An integer in [0, below), not to be guessed. */
  readonly random: (below: number) => number;
};

/** IXFR (RFC 1995) and AXFR (RFC 5936). */
const ZONE_TRANSFERS: readonly number[] = [251, 252];
/** SVCB and HTTPS (RFC 9460). */
const SERVICE_BINDINGS: readonly number[] = [64, DNS_TYPE.HTTPS];

export class Resolver<Client> {
  readonly #hooks: ResolverHooks;
  readonly #withholdServiceBindings: boolean;
  readonly #forwarder: Forwarder<Client>;
  #own: HostsTable;
  #hosts: HostsTable;

  constructor(config: ResolverConfig) {
    this.#hooks = config.hooks;
    this.#withholdServiceBindings = config.withholdServiceBindings;
    this.#own = config.own;
    this.#hosts = config.hosts;
    const admit = this.#admit.bind(this);
    this.#forwarder = new Forwarder(config.servers, config.options, config.random, admit);
  }

  /** Queries that wait for an answer from outside. */
  get outstanding(): number {
    return this.#forwarder.outstanding;
  }

  /** When `tick` has to be called, if nothing happens before. */
  get pollAt(): number | undefined {
    return this.#forwarder.pollAt;
  }

  /** A message of the sandbox's, without the length that TCP puts in front. `client` comes back with the answer. */
  query(bytes: Uint8Array, client: Client, transport: Transport, now: number): readonly ResolverAction<Client>[] {
    // It outlives the packet it came in.
    const message = bytes.slice();
    const read = readQuery(message, transport);
    if (read.kind === "garbage") return [];
    if (read.kind === "error") return [{ kind: "answer", client, bytes: read.bytes }];
    const { query } = read;
    const here = this.#answerHere(query, now);
    if (here) return [{ kind: "answer", client, bytes: here }];
    const forwarded: Forwarded<Client> = { client, query, bytes: message, transport };
    return this.#forwarder.ask(forwarded, now);
  }

  /** What came back for `send` number `id`, from the server it went to and nobody else. */
  response(id: number, bytes: Uint8Array, now: number): readonly ResolverAction<Client>[] {
    return this.#forwarder.response(id, bytes, now);
  }

  /** For `send` number `id` nobody is there: a refused connection, an ICMP error, a stream that ended. */
  failed(id: number, now: number): readonly ResolverAction<Client>[] {
    return this.#forwarder.failed(id, now);
  }

  tick(now: number): readonly ResolverAction<Client>[] {
    return this.#forwarder.tick(now);
  }

  /** The host has other resolvers now: what waits is asked again, of those. */
  setServers(servers: readonly NameServer[], options: ResolverOptions, now: number): readonly ResolverAction<Client>[] {
    return this.#forwarder.setServers(servers, options, now);
  }

  /** Members of the network have come or gone. */
  setOwnNames(own: HostsTable): void {
    this.#own = own;
  }

  /** The host's /etc/hosts has changed. */
  setHosts(hosts: HostsTable): void {
    this.#hosts = hosts;
  }

  /** `undefined` where somebody else has to be asked. */
  #answerHere(query: Query, now: number): Uint8Array | undefined {
    const { type, class: klass } = query.question;
    if (klass !== DNS_CLASS.IN || ZONE_TRANSFERS.includes(type)) return answer(query, DNS_RCODE.REFUSED);
    const own = ownAnswer(query, this.#own);
    if (own) return this.#told(query, own, now);
    if (!this.#hooks.allowsQuery(query.question.name)) return answer(query, DNS_RCODE.REFUSED);
    const hosts = tableAnswer(query, this.#hosts);
    if (hosts) return this.#told(query, hosts, now);
    const isWithheld = this.#withholdServiceBindings && SERVICE_BINDINGS.includes(type);
    return isWithheld ? answer(query, DNS_RCODE.NO_ERROR) : undefined;
  }

  #told(query: Query, { rcode, records, addresses }: LocalAnswer, now: number): Uint8Array {
    for (const address of addresses) this.#hooks.bind(query.question.name, address, LOCAL_TTL, now);
    return answer(query, rcode, records);
  }

  #admit(query: Query, { rcode, records, bytes }: Answer, now: number): Uint8Array {
    const { name } = query.question;
    const kept = records.filter((record) => this.#isAdmitted(name, record));
    const given = answerAddresses(name, kept);
    for (const { address, ttl } of given) this.#hooks.bind(name, address, ttl, now);
    if (kept.length === records.length) return bytes;
    return given.length > 0 ? answer(query, rcode, kept.filter(isForAddresses)) : answer(query, DNS_RCODE.REFUSED);
  }

  /** An address under whatever owner: there are clients that do not look at it. */
  #isAdmitted(name: string, record: DnsRecord): boolean {
    const address = addressIn(record);
    return !address || this.#hooks.admitsAddress(name, address);
  }
}

/** What an answer put together anew holds: signatures over what is missing would be of no use. */
function isForAddresses(record: DnsRecord): boolean {
  return record.type === DNS_TYPE.CNAME || addressIn(record) !== undefined;
}
