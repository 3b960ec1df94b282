// Names against the rules for names: those that a flow shows, or, of an opaque protocol, those its address is bound to.
import { allowAddress, allowName, withoutRule } from "./hint.ts";
import { matchesName } from "./match_rule.ts";
import type { Denial, NameCondition } from "./verdict.ts";

/** HTTP and HTTPS: a client that speaks anything else there is either one we know by its first bytes or hides what it asks for. */
const PORTS_THAT_SHOW_NAMES: readonly number[] = [80, 443];

export function showsNames(port: number): boolean {
  return PORTS_THAT_SHOW_NAMES.includes(port);
}

/**
 * Each has to be allowed and none denied; `undefined` when so. Without `shown`, those our DNS bound to the address are
 * judged: an address that also serves a name which is not allowed could be used for that one, so it is refused.
 */
export function judgeNames(condition: NameCondition, shown: readonly string[] = condition.names): Denial | undefined {
  for (const name of shown) {
    const denial = judgeName(condition, name);
    if (denial) return denial;
  }
  if (condition.allowed === "any" || shown.length > 0) return undefined;
  return { kind: "deny", reason: { kind: "no-name" }, hint: allowAddress(condition.address, condition.port) };
}

function judgeName({ allowed, denied, port }: NameCondition, name: string): Denial | undefined {
  const rule = denied.find((one) => matchesName(one, name));
  if (rule) return { kind: "deny", reason: { kind: "rule", rule }, hint: withoutRule(rule) };
  if (allowed === "any" || allowed.some((one) => matchesName(one, name))) return undefined;
  return { kind: "deny", reason: { kind: "other-name", name }, hint: allowName(name, port) };
}
