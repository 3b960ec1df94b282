// What may leave the sandbox, asked for each flow that begins: the policy, with the names that our own DNS has given to addresses. What is
// stopped is told once for each target, however often it is tried. Whatever has been is logged, the clients of published ports too.
import type { Endpoint } from "../../../ffi/sockaddr.ts";
import type { ResolverHooks } from "../dns/resolver.ts";
import { admitsAddress, allowsQuery } from "../policy/admit_answer.ts";
import { decide, type Flow } from "../policy/decide.ts";
import { type Explanation, explainDenial, explainRefusedAnswer, explainRefusedName } from "../policy/explain_denial.ts";
import { NameBindings } from "../policy/name_bindings.ts";
import type { NetworkPolicy } from "../policy/policy.ts";
import type { Denial, NameCondition, Verdict } from "../policy/verdict.ts";
import type { IpAddress } from "../wire/ip_address.ts";
import { type FlowEntry, flowEntry, type Target, type Traffic } from "./flow_entry.ts";

/** Targets that are told of; a scan of a network is not told of in full. */
const MOST_TOLD = 256;

export type EgressOutputs = {
  readonly tell: (explanation: Explanation) => void;
  /** Of every flow, when it is over or was stopped. */
  readonly log?: { readonly write: (entry: FlowEntry) => void; readonly wallClock: () => number } | undefined;
};

export class Egress {
  readonly policy: NetworkPolicy;
  readonly #bindings = new NameBindings();
  readonly #tell: EgressOutputs["tell"];
  readonly #log: EgressOutputs["log"];
  readonly #told = new Set<string>();

  constructor(policy: NetworkPolicy, { tell, log }: EgressOutputs) {
    this.policy = policy;
    this.#tell = tell;
    this.#log = log;
  }

  /** `port` is 0 for ICMP. A denial has been told. */
  decide(address: IpAddress, port: number, protocol: Flow["protocol"], now: number): Verdict {
    const flow = { address, port, protocol, names: this.#bindings.namesOf(address, now) };
    const verdict = decide(this.policy, flow);
    if (verdict.kind === "deny") this.#deny(verdict, flow);
    return verdict;
  }

  /** Whether a TCP connection may leave, whatever its first bytes are. Nobody is told. */
  letsPass(address: IpAddress, port: number, now: number): boolean {
    const names = this.#bindings.namesOf(address, now);
    return decide(this.policy, { address, port, protocol: "tcp", names }).kind === "allow";
  }

  /** A connection has been let out that we hear no more of. */
  bypassed(address: IpAddress, port: number, now: number): void {
    if (this.#log === undefined) return;
    const target = { address, port, protocol: "tcp" as const, names: this.#bindings.namesOf(address, now) };
    this.#log.write(flowEntry(target, this.#log.wallClock(), { bytesOut: null, bytesIn: null, duration: null }));
  }

  /** A flow that was let out is over. */
  ended(address: IpAddress, port: number, protocol: Flow["protocol"], traffic: Traffic, now: number): void {
    if (this.#log === undefined) return;
    this.#over({ address, port, protocol, names: this.#bindings.namesOf(address, now) }, traffic, now);
  }

  /** A flow that a client of a published port began is over. It was nobody's to decide on. */
  servedEnded(client: Endpoint, sandboxPort: number, protocol: "tcp" | "udp", traffic: Traffic, now: number): void {
    this.#over({ ...client, sandboxPort, protocol, names: [] }, traffic, now);
  }

  #over(target: Target, traffic: Traffic, now: number): void {
    const duration = now - traffic.began;
    this.#log?.write(flowEntry(target, this.#log.wallClock() - duration, { ...traffic, duration }));
  }

  /** The first bytes of a flow did not meet its condition. */
  denied(denial: Denial, { address, port, names }: NameCondition): void {
    this.#deny(denial, { address, port, protocol: "tcp", names });
  }

  /** A name that stands in the sandbox's own /etc/hosts: nobody will ask us for it. */
  know(name: string, address: IpAddress, now: number): void {
    this.#bindings.bind(name, address, Number.POSITIVE_INFINITY, now);
  }

  get hooks(): ResolverHooks {
    return {
      allowsQuery: (name) => {
        const allowed = allowsQuery(this.policy, name);
        if (!allowed) this.#say(explainRefusedName(this.policy, name));
        return allowed;
      },
      admitsAddress: (name, address) => {
        const admitted = admitsAddress(this.policy, name, address);
        if (!admitted) this.#say(explainRefusedAnswer(this.policy, name, address));
        return admitted;
      },
      bind: (name, address, ttl, now) => this.#bindings.bind(name, address, ttl, now),
    };
  }

  #deny(denial: Denial, flow: Flow): void {
    const explanation = explainDenial(denial, flow);
    this.#say(explanation);
    if (this.#log === undefined) return;
    const nothing = { bytesOut: 0, bytesIn: 0, duration: 0 };
    this.#log.write(flowEntry(flow, this.#log.wallClock(), nothing, explanation.cause));
  }

  #say(explanation: Explanation): void {
    if (this.#told.has(explanation.what) || this.#told.size >= MOST_TOLD) return;
    this.#told.add(explanation.what);
    this.#tell(explanation);
  }
}
