import { describe, expect, test } from "bun:test";
import { decide } from "../../../../src/net/policy/decide.ts";
import {
  type Explanation,
  explainDenial,
  explainRefusedAnswer,
  explainRefusedName,
} from "../../../../src/net/policy/explain_denial.ts";
import type { PolicyWords } from "../../../../src/net/policy/parse_policy.ts";
import { address, flowOf, policyOf } from "../../../fixtures/net/policy.ts";

type Words = Partial<PolicyWords>;

function shown({ what, cause, hint }: Explanation): string {
  return `${what}: ${cause}${hint === "" ? "" : `; ${hint}`}`;
}

const DENIALS: readonly (readonly [Words, string, readonly string[], string])[] = [
  [
    { allow: ["a.example"] },
    "192.0.2.1:443",
    ["b.example"],
    "Blocked tcp to b.example (192.0.2.1) port 443: no rule allows it; --allow-net b.example:443",
  ],
  [
    {},
    "169.254.169.254:80",
    [],
    "Blocked tcp to 169.254.169.254 port 80: it hands out the credentials of the machine; --allow-net 169.254.169.254:80",
  ],
  [{}, "10.0.2.2/icmp", [], "Blocked icmp to 10.0.2.2: it is the host's own loopback; --net slirp:host-loopback"],
  [
    { deny: ["192.0.2.0/24"] },
    "192.0.2.1:53/udp",
    [],
    "Blocked udp to 192.0.2.1 port 53: the rule 192.0.2.0/24 denies it; leave out the rule 192.0.2.0/24",
  ],
];

describe("explainDenial()", () => {
  test.each(DENIALS)("%j, %s %j", (words, flow, names, expected) => {
    const verdict = decide(policyOf(words), flowOf(flow, names));
    if (verdict.kind !== "deny") throw new Error(verdict.kind);
    expect(shown(explainDenial(verdict, flowOf(flow, names)))).toBe(expected);
  });
});

const ANSWERS: readonly (readonly [Words, string, string])[] = [
  [{}, "127.0.0.1", ""],
  [{}, "10.0.2.2", ""],
  [{}, "169.254.169.254", "--allow-net 169.254.169.254"],
  [{}, "64:ff9b::a9fe:a9fe", "--allow-net 169.254.169.254"],
  [{ allow: ["*.example"] }, "10.1.2.3", "--allow-net a.example"],
];

describe("explainRefusedAnswer()", () => {
  test.each(ANSWERS)("%j: %s, %j", (words, text, hint) => {
    const explanation = explainRefusedAnswer(policyOf(words), "a.example", address(text));
    expect(explanation.what).toContain("for a.example");
    expect(explanation.hint).toBe(hint);
  });
});

test("explainRefusedName() names the rule, or the one that is missing", () => {
  expect(shown(explainRefusedName(policyOf({ allow: ["a.example"] }), "b.example"))).toBe(
    "Blocked the name b.example: no rule allows it; --allow-net b.example",
  );
  expect(shown(explainRefusedName(policyOf({ deny: ["*.example"] }), "b.example"))).toBe(
    "Blocked the name b.example: the rule *.example denies it; leave out the rule *.example",
  );
});
