// `--net-policy FILE`: {"allow": [...], "deny": [...], "default": "allow"|"deny"}. A key we do not know is a mistake:
// `"alow"` read as nothing would be a policy that its author did not write.
import { parseRule } from "./parse_rule.ts";
import type { PolicyProblem, PolicyRule } from "./policy.ts";

export type PolicyFile = {
  readonly allow: readonly PolicyRule[];
  readonly deny: readonly PolicyRule[];
  readonly otherwise: "allow" | "deny" | undefined;
};

export type ParsedPolicyFile = { readonly file: PolicyFile; readonly problems: readonly PolicyProblem[] };

const KEYS = ["allow", "deny", "default"];
const EXAMPLE = '{"allow": ["example.com:443"], "deny": [], "default": "deny"}';

/** `name`: the file's, for messages. */
export function parsePolicyFile(text: string, name: string): ParsedPolicyFile {
  const content = objectIn(text);
  if (typeof content === "string") return refused(`Cannot read ${name}`, content, `Write ${EXAMPLE}`);
  const allow = rulesOf(content, "allow", name);
  const deny = rulesOf(content, "deny", name);
  const otherwise = defaultOf(content, name);
  return {
    file: { allow: allow.rules, deny: deny.rules, otherwise: otherwise.value },
    problems: [...unknownKeys(content, name), ...allow.problems, ...deny.problems, ...otherwise.problems],
  };
}

type JsonObject = Readonly<Record<string, unknown>>;

/** The object, or why there is none. */
function objectIn(text: string): JsonObject | string {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
    return "it is JSON, but no object";
  } catch (error) {
    if (error instanceof SyntaxError) return `it is no JSON: ${error.message}`;
    throw error;
  }
}

function unknownKeys(content: JsonObject, name: string): readonly PolicyProblem[] {
  return Object.keys(content)
    .filter((key) => !KEYS.includes(key))
    .map((key) => ({
      what: `Cannot read the key ${JSON.stringify(key)} of ${name}`,
      cause: "there is no such key",
      hint: `The keys are ${KEYS.join(", ")}`,
    }));
}

type Rules = { readonly rules: readonly PolicyRule[]; readonly problems: readonly PolicyProblem[] };

function rulesOf(content: JsonObject, key: "allow" | "deny", name: string): Rules {
  const value = content[key] ?? [];
  if (!Array.isArray(value))
    return {
      rules: [],
      problems: [wrong(`${key} of ${name}`, "it is no list", `Write "${key}": ["example.com:443"]`)],
    };
  const parsed = value.map((entry: unknown, at) => ruleOf(entry, `${key}[${at}] of ${name}`));
  return {
    rules: parsed.flatMap((one) => (one.kind === "rule" ? [one.rule] : [])),
    problems: parsed.flatMap((one) => (one.kind === "problem" ? [one.problem] : [])),
  };
}

function ruleOf(entry: unknown, place: string): ReturnType<typeof parseRule> {
  if (typeof entry === "string") return parseRule(entry, place);
  return { kind: "problem", problem: wrong(place, "a rule is a text", 'Write "example.com:443"') };
}

type Default = { readonly value: "allow" | "deny" | undefined; readonly problems: readonly PolicyProblem[] };

function defaultOf(content: JsonObject, name: string): Default {
  const value = content.default;
  if (value === undefined || value === "allow" || value === "deny") return { value, problems: [] };
  const problem = wrong(`default of ${name}`, `${JSON.stringify(value)} is neither "allow" nor "deny"`, "");
  return { value: undefined, problems: [problem] };
}

function wrong(place: string, cause: string, hint: string): PolicyProblem {
  return { what: `Cannot read ${place}`, cause, hint };
}

function refused(what: string, cause: string, hint: string): ParsedPolicyFile {
  return { file: { allow: [], deny: [], otherwise: undefined }, problems: [{ what, cause, hint }] };
}
