// What may leave the sandbox, asked for each flow that begins: the policy, with the names that our own DNS has given to addresses. What is
// stopped is told once for each target, however often it is tried.
import type { ResolverHooks } from "../dns/resolver.ts";
import { admitsAddress, allowsQuery } from "../policy/admit_answer.ts";
import { decide, type Flow } from "../policy/decide.ts";
import { type Explanation, explainDenial, explainRefusedAnswer, explainRefusedName } from "../policy/explain_denial.ts";
import { NameBindings } from "../policy/name_bindings.ts";
import type { NetworkPolicy } from "../policy/policy.ts";
import type { Denial, NameCondition, Verdict } from "../policy/verdict.ts";
import type { IpAddress } from "../wire/ip_address.ts";

/** Targets that are told of; a scan of a network is not told of in full. */
const MOST_TOLD = 256;

export class Egress {
  readonly policy: NetworkPolicy;
  readonly #bindings = new NameBindings();
  readonly #tell: (explanation: Explanation) => void;
  readonly #told = new Set<string>();

  constructor(policy: NetworkPolicy, tell: (explanation: Explanation) => void) {
    this.policy = policy;
    this.#tell = tell;
  }

  /** `port` is 0 for ICMP. A denial has been told. */
  decide(address: IpAddress, port: number, protocol: Flow["protocol"], now: number): Verdict {
    const flow = { address, port, protocol, names: this.#bindings.namesOf(address, now) };
    const verdict = decide(this.policy, flow);
    if (verdict.kind === "deny") this.#say(explainDenial(verdict, flow));
    return verdict;
  }

  /** The first bytes of a flow did not meet its condition. */
  denied(denial: Denial, { address, port, names }: NameCondition): void {
    this.#say(explainDenial(denial, { address, port, protocol: "tcp", names }));
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

  #say(explanation: Explanation): void {
    if (this.#told.has(explanation.what) || this.#told.size >= MOST_TOLD) return;
    this.#told.add(explanation.what);
    this.#tell(explanation);
  }
}
