// The user's words for what may leave the sandbox, from flags and file together, as one policy or all that is wrong with them.
import type { IpAddress } from "../wire/ip_address.ts";
import { parseRule } from "./parse_rule.ts";
import type { NetworkPolicy, PolicyProblem, PolicyRule } from "./policy.ts";
import { parsePolicyFile } from "./policy_file.ts";

export type PolicyWords = {
  /** The values of `--allow-net` and of `--deny-net`. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** `--net-policy`, its text already read. */
  readonly file?: { readonly name: string; readonly text: string } | undefined;
  readonly gateways: readonly IpAddress[];
  readonly hostLoopback: boolean;
};

export type ParsedPolicy =
  | { readonly kind: "policy"; readonly policy: NetworkPolicy }
  | { readonly kind: "problems"; readonly problems: readonly [PolicyProblem, ...PolicyProblem[]] };

export function parsePolicy(words: PolicyWords): ParsedPolicy {
  const parts = [
    ...words.allow.map((text) => ({ list: "allow" as const, ...parseRule(text, "--allow-net") })),
    ...words.deny.map((text) => ({ list: "deny" as const, ...parseRule(text, "--deny-net") })),
  ];
  const { file, problems: ofFile } = readFile(words);
  const ofFlags = parts.flatMap((part) => (part.kind === "problem" ? [part.problem] : []));
  const [first, ...others] = [...ofFlags, ...ofFile];
  if (first) return { kind: "problems", problems: [first, ...others] };
  const rulesOf = (list: "allow" | "deny"): readonly PolicyRule[] =>
    parts.flatMap((part) => (part.kind === "rule" && part.list === list ? [part.rule] : []));
  const allow = [...rulesOf("allow"), ...file.allow];
  const deny = [...rulesOf("deny"), ...file.deny];
  const otherwise = file.otherwise ?? (allow.length > 0 ? "deny" : "allow");
  const { gateways, hostLoopback } = words;
  return { kind: "policy", policy: { allow, deny, otherwise, gateways, hostLoopback } };
}

function readFile({ file }: PolicyWords): ReturnType<typeof parsePolicyFile> {
  if (file) return parsePolicyFile(file.text, file.name);
  return { file: { allow: [], deny: [], otherwise: undefined }, problems: [] };
}
