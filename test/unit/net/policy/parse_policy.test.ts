import { describe, expect, test } from "bun:test";
import { parsePolicy } from "../../../../src/net/policy/parse_policy.ts";
import { policyOf } from "../../../fixtures/net/policy.ts";

function fileProblems(text: string): readonly string[] {
  const words = { allow: [], deny: [], gateways: [], hostLoopback: false, file: { name: "policy.json", text } };
  const parsed = parsePolicy(words);
  return parsed.kind === "problems" ? parsed.problems.map(({ what, cause }) => `${what}: ${cause}`) : [];
}

const DEFAULTS: readonly (readonly [object, "allow" | "deny"])[] = [
  [{}, "allow"],
  [{ deny: ["a.example"] }, "allow"],
  [{ allow: ["a.example"] }, "deny"],
  [{ allow: ["dns"] }, "deny"],
  [{ file: { name: "f", text: '{"allow": ["a.example"]}' } }, "deny"],
  [{ file: { name: "f", text: '{"default": "deny"}' } }, "deny"],
  [{ allow: ["a.example"], file: { name: "f", text: '{"default": "allow"}' } }, "allow"],
];

const PROBLEMS: readonly (readonly [string, string])[] = [
  ["{", "Cannot read policy.json: it is no JSON"],
  ["[]", "Cannot read policy.json: it is JSON, but no object"],
  ["null", "Cannot read policy.json: it is JSON, but no object"],
  ['{"alow": []}', 'Cannot read the key "alow" of policy.json: there is no such key'],
  ['{"__proto__": []}', 'Cannot read the key "__proto__" of policy.json: there is no such key'],
  ['{"allow": "a"}', "Cannot read allow of policy.json: it is no list"],
  ['{"deny": [3]}', "Cannot read deny[0] of policy.json: a rule is a text"],
  ['{"allow": ["a", "b:0"]}', 'Cannot read the rule "b:0" of allow[1] of policy.json: the port 0 is not within'],
  ['{"default": "maybe"}', 'Cannot read default of policy.json: "maybe" is neither'],
];

describe("parsePolicy()", () => {
  test.each(DEFAULTS)("%j: the rest is a matter of %p", (words, expected) => {
    expect(policyOf(words).otherwise).toBe(expected);
  });

  test("puts the rules of flags and file together", () => {
    const file = { name: "f", text: '{"allow": ["b.example"], "deny": ["c.example"]}' };
    const policy = policyOf({ allow: ["a.example"], deny: ["d.example"], file });
    expect(policy.allow.map(({ text }) => text)).toEqual(["a.example", "b.example"]);
    expect(policy.deny.map(({ text }) => text)).toEqual(["d.example", "c.example"]);
  });

  test.each(PROBLEMS)("the file %p: %p", (text, expected) => {
    expect(fileProblems(text)).toHaveLength(1);
    expect(fileProblems(text)[0]).toStartWith(expected);
  });

  test("tells all that is wrong, and of which flag", () => {
    const parsed = parsePolicy({ allow: ["*", "a"], deny: ["a:b"], gateways: [], hostLoopback: false });
    const whats = parsed.kind === "problems" ? parsed.problems.map(({ what }) => what) : [];
    expect(whats).toEqual(['Cannot read the rule "*" of --allow-net', 'Cannot read the rule "a:b" of --deny-net']);
  });
});
