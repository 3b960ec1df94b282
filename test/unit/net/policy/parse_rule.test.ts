import { describe, expect, test } from "bun:test";
import { parseRule } from "../../../../src/net/policy/parse_rule.ts";
import type { PolicyRule } from "../../../../src/net/policy/policy.ts";
import { formatIpAddress } from "../../../../src/net/wire/ip_address.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";

/** A rule in one line: what it is for, and which ports. */
function shown({ target, ports }: PolicyRule): string {
  const range = ports.first === 0 ? "all" : `${ports.first}-${ports.last}`;
  switch (target.kind) {
    case "name":
      return `name ${target.name} ${range}`;
    case "subdomains":
      return `below ${target.domain} ${range}`;
    case "prefix":
      return `prefix ${formatIpAddress(target.prefix.address)}/${target.prefix.length} ${range}`;
    case "dns":
      return `dns ${range}`;
    default:
      return target satisfies never;
  }
}

const READ: readonly (readonly [string, string])[] = [
  ["example.com", "name example.com all"],
  ["Example.COM.:443", "name example.com 443-443"],
  ["localhost:1-65535", "name localhost 1-65535"],
  ["_dmarc.example.com", "name _dmarc.example.com all"],
  ["dns.", "name dns all"],
  ["dns.example", "name dns.example all"],
  ["bücher.example:443", "name xn--bcher-kva.example 443-443"],
  ["*.example.com", "below example.com all"],
  ["*.example.com:8000-8100", "below example.com 8000-8100"],
  ["192.0.2.1", "prefix 192.0.2.1/32 all"],
  ["192.0.2.1:53", "prefix 192.0.2.1/32 53-53"],
  ["10.0.0.0/8", "prefix 10.0.0.0/8 all"],
  ["10.0.0.0/8:22", "prefix 10.0.0.0/8 22-22"],
  ["0.0.0.0/0:25", "prefix 0.0.0.0/0 25-25"],
  ["fd00::1", "prefix fd00::1/128 all"],
  ["[fd00::1]", "prefix fd00::1/128 all"],
  ["[fd00::1]:443", "prefix fd00::1/128 443-443"],
  ["fd00::/8", "prefix fd00::/8 all"],
  ["fd00::/8:443", "prefix fd00::/8 443-443"],
  ["[fd00::/8]:443", "prefix fd00::/8 443-443"],
  ["[fd00::]/8:443", "prefix fd00::/8 443-443"],
  ["::/0", "prefix ::/0 all"],
  ["::ffff:192.0.2.1", "prefix 192.0.2.1/32 all"],
  ["[::ffff:192.0.2.0/120]:80", "prefix 192.0.2.0/24 80-80"],
  ["::ffff:0:0/96", "prefix 0.0.0.0/0 all"],
  ["dns", "dns all"],
  ["DNS", "dns all"],
];

const REFUSED: readonly (readonly [rule: string, cause: string, hint: string])[] = [
  ["", "it is empty", "HOST[:PORT]"],
  ["a b", "a space", "one rule"],
  ["a\u0000", "control character", ""],
  ["a,b", "a comma", "one rule"],
  ["https://example.com/x", "a URL", "example.com:443"],
  ["ssh://git@example.com", "a URL", ""],
  ["http://example.com:8080", "a URL", "example.com:8080"],
  ["git@example.com", "a user", ""],
  ["fe80::1%eth0", "a zone", ""],
  ["example.com/path", "a path", ""],
  ["*", '"*" alone', "0.0.0.0/0"],
  ["*:443", '"*" alone', "::/0"],
  ["*example.com", "whole labels", "*.domain"],
  ["a.*.com", "whole labels", ""],
  ["*.*.com", "whole labels", ""],
  ["*.", "no host name", ""],
  ["*.10.0.0.1", "no IPv4 address", ""],
  ["-a.com", "no host name", ""],
  ["a..b", "no host name", ""],
  [`${"a".repeat(64)}.com`, "no host name", ""],
  ["a".repeat(301), "longer than 300", ""],
  ["1.2.3", "no IPv4 address", "192.0.2.1"],
  ["1.2.3.256", "no IPv4 address", ""],
  ["0x7f.1", "no IPv4 address", ""],
  ["127.0.0.0x1", "no IPv4 address", ""],
  ["2130706433", "no IPv4 address", ""],
  ["10.0.0.1/8", "bits set behind", "10.0.0.0/8 or 10.0.0.1"],
  ["10.0.0.0/33", "longer than the address", ""],
  ["10.0.0/8", "no address with a prefix", ""],
  ["10.0.0.0/", "no address with a prefix", ""],
  ["fd00::1/64", "bits set behind", "fd00::/64"],
  ["fd00::1:99999", "no IPv6 address", "[ADDRESS]:PORT"],
  ["example.com:80:90", "more than one colon", ""],
  ["[fd00::1", "brackets", ""],
  ["[fd00::1]443", "brackets", ""],
  ["[example.com]:443", "no IPv6 address", ""],
  ["example.com:", "no port after", "443"],
  ["example.com:https", "no port", ""],
  ["example.com:0", "not within 1", ""],
  ["example.com:65536", "not within 1", ""],
  ["example.com:99999999999999999999", "not within 1", ""],
  ["example.com:90-80", "ends before it begins", "80-90"],
  ["example.com:80-", "no port", ""],
  ["example.com:+80", "no port", ""],
  ["dns:53", "no port", "ADDRESS:53"],
];

describe("parseRule()", () => {
  test.each(READ)("reads %p as %p", (text, expected) => {
    const parsed = parseRule(text, "--allow-net");
    expect(parsed.kind === "rule" ? shown(parsed.rule) : parsed.problem).toBe(expected);
  });

  test.each(REFUSED)("refuses %p: %p", (text, cause, hint) => {
    const parsed = parseRule(text, "--allow-net");
    if (parsed.kind === "rule") throw new Error(`read as ${shown(parsed.rule)}`);
    expect(parsed.problem.what).toStartWith("Cannot read the rule ");
    expect(parsed.problem.what).toEndWith(" of --allow-net");
    expect(parsed.problem.cause).toContain(cause);
    expect(parsed.problem.hint).toContain(hint);
  });

  test("keeps the text as it was written, for messages", () => {
    const parsed = parseRule("EXAMPLE.com:443", "--allow-net");
    expect(parsed.kind === "rule" && parsed.rule.text).toBe("EXAMPLE.com:443");
  });
});

const ROUNDS = 50_000;
const PIECES = [
  "*",
  ".",
  ":",
  "/",
  "[",
  "]",
  "-",
  "::",
  "a",
  "example.com",
  "dns",
  "10.0.0.0",
  "fd00::",
  "0",
  "8",
  "443",
] as const;

test(`${ROUNDS} rules of pieces are read or refused, and what is read says the same when read again`, () => {
  const { below, pick } = random(0xa110);
  let read = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const text = Array.from({ length: 1 + below(5) }, () => pick(PIECES)).join("");
    const parsed = parseRule(text, "a fuzz test");
    if (parsed.kind === "problem") {
      expect(parsed.problem.cause).not.toBe("");
      continue;
    }
    read++;
    const { target, ports } = parsed.rule;
    expect(ports.first).toBeLessThanOrEqual(ports.last);
    if (target.kind === "prefix")
      expect(target.prefix.length).toBeLessThanOrEqual(target.prefix.address.bytes.length * 8);
    if (target.kind === "name") expect(parseRule(`${target.name}.`, "again")).toMatchObject({ rule: { target } });
  }
  expect(read).toBeGreaterThan(ROUNDS / 50);
  expect(read).toBeLessThan(ROUNDS);
});
