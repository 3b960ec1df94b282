// What the policy says of a flow that is about to leave. The order is the policy: a rule that denies, a denial by default,
// an address rule that allows, a name rule that allows, and then what holds for the rest.
//
// A name rule speaks of the names that our DNS bound to the address, and never of an address that was dialled as a
// literal. For TCP the first bytes then have to show a name as well (FirstBytes), since one address serves many names.
// UDP and ICMP show none, they are held to the binding alone; except where the port is one of those whose protocol is
// known to hide the name (QUIC): denied, clients then come by TCP.
import { contains, equalAddresses, type IpAddress } from "../wire/ip_address.ts";
import { canBeLifted, type DefaultDenial, defaultDenial, liftsDenial } from "./default_denials.ts";
import { foldAddress, type Readings } from "./fold_address.ts";
import { allowAddress, allowName, HOST_LOOPBACK_HINT, withoutRule } from "./hint.ts";
import { judgeNames, showsNames } from "./judge_names.ts";
import { allowsAddress, forbidsAddress, isNameRule, matchesName, matchesPort } from "./match_rule.ts";
import type { NetworkPolicy, PolicyRule } from "./policy.ts";
import type { Denial, NameCondition, Verdict } from "./verdict.ts";

export type Flow = {
  /** As the sandbox dialled it. */
  readonly address: IpAddress;
  /** 0 for ICMP. */
  readonly port: number;
  readonly protocol: "tcp" | "udp" | "icmp";
  /** Those that our DNS bound to the address and that still hold. */
  readonly names: readonly string[];
};

export function decide(policy: NetworkPolicy, flow: Flow): Verdict {
  const readings = foldAddress(flow.address);
  const deny = policy.deny.filter((rule) => matchesPort(rule, flow.port));
  const allow = policy.allow.filter((rule) => matchesPort(rule, flow.port));
  return (
    deniedByRule(deny, flow, readings) ??
    deniedByDefault(policy, allow, flow, readings) ??
    allowedByRule(allow, deny, flow, readings) ??
    byDefault(policy, deny, flow)
  );
}

/** Of a shared address, only the name that is dialled decides: where another may be meant, the first bytes tell. */
function deniedByRule(deny: readonly PolicyRule[], flow: Flow, readings: Readings): Denial | undefined {
  const rule =
    deny.find((one) => forbidsAddress(one, flow.address, readings)) ??
    (flow.names.every((name) => deny.some((one) => matchesName(one, name)))
      ? deny.find((one) => flow.names.some((name) => matchesName(one, name)))
      : undefined);
  return rule && { kind: "deny", reason: { kind: "rule", rule }, hint: withoutRule(rule) };
}

function deniedByDefault(
  policy: NetworkPolicy,
  allow: readonly PolicyRule[],
  flow: Flow,
  readings: Readings,
): Denial | undefined {
  if (policy.gateways.some((gateway) => equalAddresses(gateway, flow.address)))
    return policy.hostLoopback ? undefined : hostLoopbackDenied();
  for (const reading of readings) {
    const denial = defaultDenial(reading);
    if (denial && !allow.some((rule) => lifts(rule, denial, reading, flow)))
      return defaultDenied(denial, reading, flow);
  }
  return undefined;
}

/** The rule may be for what the address folds to, or for the very form that was dialled. */
function lifts({ target }: PolicyRule, denial: DefaultDenial, reading: IpAddress, flow: Flow): boolean {
  if (target.kind !== "prefix" || !liftsDenial(target.prefix, denial)) return false;
  return contains(target.prefix, reading) || contains(target.prefix, flow.address);
}

function hostLoopbackDenied(): Denial {
  return { kind: "deny", reason: { kind: "host-loopback" }, hint: HOST_LOOPBACK_HINT };
}

function defaultDenied(denial: DefaultDenial, reading: IpAddress, flow: Flow): Denial {
  const hint = canBeLifted(denial)
    ? allowAddress(reading, flow.port)
    : denial.kind === "loopback"
      ? HOST_LOOPBACK_HINT
      : "";
  return { kind: "deny", reason: { kind: "default", denial }, hint };
}

function allowedByRule(
  allow: readonly PolicyRule[],
  deny: readonly PolicyRule[],
  flow: Flow,
  readings: Readings,
): Verdict | undefined {
  const rule = allow.find((one) => allowsAddress(one, flow.address, readings));
  if (rule) return unlessName({ kind: "allow", rule }, deny, flow);
  const allowed = allow.filter(isNameRule);
  if (!flow.names.some((name) => allowed.some((one) => matchesName(one, name)))) return undefined;
  return ifName(conditionOf(allowed, deny, flow), flow);
}

function byDefault(policy: NetworkPolicy, deny: readonly PolicyRule[], flow: Flow): Verdict {
  if (policy.otherwise === "allow") return unlessName({ kind: "allow", rule: undefined }, deny, flow);
  const [name] = flow.names;
  const hint = name === undefined ? allowAddress(flow.address, flow.port) : allowName(name, flow.port);
  return { kind: "deny", reason: { kind: "no-rule" }, hint };
}

/** Let out, but for the names that are denied. */
function unlessName(verdict: Verdict, deny: readonly PolicyRule[], flow: Flow): Verdict {
  const condition = conditionOf("any", deny, flow);
  return condition.denied.length === 0 ? verdict : ifName(condition, flow);
}

function conditionOf(allowed: NameCondition["allowed"], deny: readonly PolicyRule[], flow: Flow): NameCondition {
  const { names, address, port } = flow;
  return { allowed, denied: deny.filter(isNameRule), names, address, port };
}

function ifName(condition: NameCondition, flow: Flow): Verdict {
  if (flow.protocol === "tcp") return { kind: "allow-if-name", condition };
  if (condition.allowed !== "any" && flow.protocol === "udp" && showsNames(flow.port))
    return { kind: "deny", reason: { kind: "no-name" }, hint: allowAddress(flow.address, flow.port) };
  return judgeNames(condition) ?? { kind: "allow", rule: undefined };
}
