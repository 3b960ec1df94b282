import { describe, expect, test } from "bun:test";
import { admitsAddress, allowsQuery, watchesNames } from "../../../../src/net/policy/admit_answer.ts";
import type { PolicyWords } from "../../../../src/net/policy/parse_policy.ts";
import { address, policyOf } from "../../../fixtures/net/policy.ts";

type Words = Partial<PolicyWords>;

const QUERIES: readonly (readonly [Words, string, boolean])[] = [
  [{}, "a.example", true],
  [{ allow: ["a.example:443"] }, "a.example", true],
  [{ allow: ["a.example"] }, "b.example", false],
  [{ allow: ["*.example"] }, "b.example", true],
  [{ allow: ["*.example"] }, "example", false],
  [{ allow: ["192.0.2.1"] }, "a.example", false],
  [{ allow: ["192.0.2.1", "dns"] }, "a.example", true],
  [{ deny: ["a.example"] }, "a.example", false],
  [{ deny: ["a.example:25"] }, "a.example", true],
  [{ deny: ["dns"] }, "a.example", false],
  [{ allow: ["*.example"], deny: ["a.example"] }, "a.example", false],
];

const ANSWERS: readonly (readonly [Words, string, string, boolean])[] = [
  [{}, "a.example", "192.0.2.1", true],
  [{}, "a.example", "10.1.2.3", true],
  [{}, "a.example", "fd00::1", true],
  [{}, "a.example", "127.0.0.1", false],
  [{}, "a.example", "::1", false],
  [{}, "a.example", "0.0.0.0", false],
  [{}, "a.example", "169.254.169.254", false],
  [{}, "a.example", "::ffff:127.0.0.1", false],
  [{}, "a.example", "64:ff9b::127.0.0.1", false],
  [{}, "a.example", "fe80::1", false],
  [{}, "a.example", "224.0.0.1", false],
  [{}, "a.example", "10.0.2.2", false],
  [{ hostLoopback: true }, "a.example", "10.0.2.2", false],
  [{ allow: ["169.254.169.254"] }, "a.example", "169.254.169.254", true],
  [{ allow: ["a.example"] }, "a.example", "10.1.2.3", true],
  [{ allow: ["a.example"] }, "a.example", "127.0.0.1", false],
  [{ allow: ["*.example"] }, "a.example", "10.1.2.3", false],
  [{ allow: ["*.example"] }, "a.example", "64:ff9b::10.1.2.3", false],
  [{ allow: ["*.example"] }, "a.example", "192.0.2.1", true],
  [{ allow: ["*.example", "10.0.0.0/8"] }, "a.example", "10.1.2.3", true],
  [{ allow: ["*.example", "a.example"] }, "a.example", "10.1.2.3", true],
  [{ allow: ["dns"] }, "a.example", "192.168.0.1", false],
];

describe("allowsQuery()", () => {
  test.each(QUERIES)("%j: %s %p", (words, name, expected) => {
    expect(allowsQuery(policyOf(words), name)).toBe(expected);
  });
});

describe("admitsAddress()", () => {
  test.each(ANSWERS)("%j: %s at %s %p", (words, name, text, expected) => {
    expect(admitsAddress(policyOf(words), name, address(text))).toBe(expected);
  });
});

test("names are watched where there is a rule for one", () => {
  expect(watchesNames(policyOf({ allow: ["10.0.0.0/8", "dns"] }))).toBe(false);
  expect(watchesNames(policyOf({ deny: ["*.example"] }))).toBe(true);
});
