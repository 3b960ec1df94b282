// What a person is told when something was blocked: what, why, and the flag that would let it go.
import { equalAddresses, formatIpAddress, type IpAddress } from "../wire/ip_address.ts";
import type { Flow } from "./decide.ts";
import { canBeLifted, type DefaultDenial, defaultDenial } from "./default_denials.ts";
import { foldAddress } from "./fold_address.ts";
import { allowAddress, allowName, withoutRule } from "./hint.ts";
import { matchesName } from "./match_rule.ts";
import type { NetworkPolicy } from "./policy.ts";
import type { Denial, DenialReason } from "./verdict.ts";

export type Explanation = {
  /** `Blocked tcp to a.example (192.0.2.1) port 443`, no full stop. Equal for what is the same target. */
  readonly what: string;
  readonly cause: string;
  /** Empty where no flag allows it. */
  readonly hint: string;
};

const DEFAULT_CAUSES: Readonly<Record<DefaultDenial["kind"], string>> = {
  metadata: "it hands out the credentials of the machine",
  loopback: "it is the host's own loopback",
  unspecified: "it is no address of a host",
  "link-local": "it belongs to the host's own link",
  multicast: "it is a multicast address, and this network carries none",
  reserved: "it is a broadcast or reserved address",
};

export function explainDenial({ reason, hint }: Denial, { address, port, protocol, names }: Flow): Explanation {
  const [name] = names;
  const host = name === undefined ? formatIpAddress(address) : `${name} (${formatIpAddress(address)})`;
  return { what: `Blocked ${protocol} to ${host}${port === 0 ? "" : ` port ${port}`}`, cause: causeOf(reason), hint };
}

/** A name that allowsQuery does not let be asked for. */
export function explainRefusedName(policy: NetworkPolicy, name: string): Explanation {
  const rule = policy.deny.find((one) => one.target.kind === "dns" || matchesName(one, name));
  const cause = rule ? `the rule ${rule.text} denies it` : "no rule allows it";
  return { what: `Blocked the name ${name}`, cause, hint: rule ? withoutRule(rule) : allowName(name, 0) };
}

/** An address that admitsAddress does not let be told. */
export function explainRefusedAnswer(policy: NetworkPolicy, name: string, address: IpAddress): Explanation {
  const what = `Blocked the answer ${formatIpAddress(address)} for ${name}`;
  const cause = "a name from outside is not taken for an address of this host or of its networks";
  if (policy.gateways.some((gateway) => equalAddresses(gateway, address))) return { what, cause, hint: "" };
  for (const reading of foldAddress(address)) {
    const denial = defaultDenial(reading);
    if (denial) return { what, cause, hint: canBeLifted(denial) ? allowAddress(reading, 0) : "" };
  }
  // It is a private one then: who names the name itself, trusts it with those.
  return { what, cause, hint: allowName(name, 0) };
}

function causeOf(reason: DenialReason): string {
  switch (reason.kind) {
    case "rule":
      return `the rule ${reason.rule.text} denies it`;
    case "default":
      return DEFAULT_CAUSES[reason.denial.kind];
    case "host-loopback":
      return "it is the host's own loopback";
    case "no-rule":
      return "no rule allows it";
    case "other-name":
      return `it is for ${reason.name}, and no rule allows that name`;
    case "no-name":
      return "a rule allows the name, but the first bytes show none";
    case "malformed":
      return "a rule allows the name, but the first bytes are malformed";
    default:
      return reason satisfies never;
  }
}
