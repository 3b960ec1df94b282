import { describe, expect, test } from "bun:test";
import type { PolicyWords } from "../../../../src/net/policy/parse_policy.ts";
import type { Verdict } from "../../../../src/net/policy/verdict.ts";
import { decideOn } from "../../../fixtures/net/policy.ts";

/** "allow", "if-name", or "deny <reason>: <hint>". */
function shown(verdict: Verdict): string {
  if (verdict.kind === "allow") return "allow";
  if (verdict.kind === "allow-if-name") return "if-name";
  const { reason } = verdict;
  const detail = reason.kind === "rule" ? reason.rule.text : reason.kind === "default" ? reason.denial.kind : "";
  return `deny ${[reason.kind, detail].filter(Boolean).join(" ")}: ${verdict.hint}`;
}

type Case = readonly [words: Partial<PolicyWords>, flow: string, names: readonly string[], expected: string];
const HOST_LOOPBACK = "--net slirp:host-loopback";

function check(cases: readonly Case[]): void {
  test.each(cases)("%j, %s %j: %s", (words, flow, names, expected) => {
    expect(shown(decideOn(words, flow, names))).toBe(expected);
  });
}

describe("without rules", () =>
  check([
    [{}, "192.0.2.1:443", [], "allow"],
    [{}, "10.1.2.3:22", [], "allow"],
    [{}, "[2a00::1]:443/udp", ["a.example"], "allow"],
    [{}, "192.0.2.1/icmp", [], "allow"],
    [{}, "169.254.169.254:80", [], "deny default metadata: --allow-net 169.254.169.254:80"],
    [{}, "169.254.170.2:80", [], "deny default metadata: --allow-net 169.254.170.2:80"],
    [{}, "100.100.100.200:80", [], "deny default metadata: --allow-net 100.100.100.200:80"],
    [{}, "[fd00:ec2::254]:80", [], "deny default metadata: --allow-net [fd00:ec2::254]:80"],
    [{}, "169.254.169.254/icmp", [], "deny default metadata: --allow-net 169.254.169.254"],
    [{}, "[::ffff:169.254.169.254]:80", [], "deny default metadata: --allow-net 169.254.169.254:80"],
    [{}, "[64:ff9b::a9fe:a9fe]:80", [], "deny default metadata: --allow-net 169.254.169.254:80"],
    [{}, "[64:ff9b:1:0:a9:fea9:fe08:808]:80", [], "deny default reserved: "],
    [{}, "[2002:a9fe:a9fe::]:80", [], "deny default metadata: --allow-net 169.254.169.254:80"],
    [{}, "[2001:0:c000:201::5601:5601]:80", [], "deny default metadata: --allow-net 169.254.169.254:80"],
    [{}, "169.254.1.1:80", [], "deny default link-local: --allow-net 169.254.1.1:80"],
    [{}, "[fe80::1]:80", [], "deny default link-local: --allow-net [fe80::1]:80"],
    [{}, "127.0.0.53:53/udp", [], `deny default loopback: ${HOST_LOOPBACK}`],
    [{}, "[::1]:53", [], `deny default loopback: ${HOST_LOOPBACK}`],
    [{}, "[::ffff:127.0.0.1]:53", [], `deny default loopback: ${HOST_LOOPBACK}`],
    [{}, "10.0.2.2:22", [], `deny host-loopback: ${HOST_LOOPBACK}`],
    [{}, "0.0.0.0:22", [], "deny default unspecified: "],
    [{}, "[::]:22", [], "deny default unspecified: "],
    [{}, "224.0.0.251:5353/udp", [], "deny default multicast: "],
    [{}, "[ff02::fb]:5353/udp", [], "deny default multicast: "],
    [{}, "255.255.255.255:67/udp", [], "deny default reserved: "],
  ]));

describe("what lifts a denial by default", () =>
  check([
    [{ allow: ["169.254.169.254"] }, "169.254.169.254:80", [], "allow"],
    [{ allow: ["169.254.169.254:80"] }, "169.254.169.254:80", [], "allow"],
    [{ allow: ["169.254.169.254"] }, "[64:ff9b::a9fe:a9fe]:80", [], "allow"],
    [
      { allow: ["169.254.169.254:443"] },
      "169.254.169.254:80",
      [],
      "deny default metadata: --allow-net 169.254.169.254:80",
    ],
    [{ allow: ["169.254.0.0/16"] }, "169.254.169.254:80", [], "deny default metadata: --allow-net 169.254.169.254:80"],
    [{ allow: ["169.254.0.0/16"] }, "169.254.7.7:80", [], "allow"],
    [{ allow: ["0.0.0.0/0"] }, "169.254.7.7:80", [], "deny default link-local: --allow-net 169.254.7.7:80"],
    [{ allow: ["fd00::/8"] }, "[fd00:ec2::254]:80", [], "deny default metadata: --allow-net [fd00:ec2::254]:80"],
    [
      { allow: ["a.example"] },
      "169.254.169.254:80",
      ["a.example"],
      "deny default metadata: --allow-net 169.254.169.254:80",
    ],
    [{ allow: ["127.0.0.1"] }, "127.0.0.1:80", [], `deny default loopback: ${HOST_LOOPBACK}`],
    [{ allow: ["10.0.2.2"] }, "10.0.2.2:80", [], `deny host-loopback: ${HOST_LOOPBACK}`],
    [{ hostLoopback: true }, "10.0.2.2:80", [], "allow"],
    [{ hostLoopback: true }, "127.0.0.1:80", [], `deny default loopback: ${HOST_LOOPBACK}`],
    [{ hostLoopback: true, allow: ["a.example"] }, "10.0.2.2:80", [], "deny no-rule: --allow-net 10.0.2.2:80"],
    [{ hostLoopback: true, allow: ["host.sandbox.internal"] }, "10.0.2.2:80", ["host.sandbox.internal"], "if-name"],
  ]));

describe("address rules", () =>
  check([
    [{ allow: ["192.0.2.0/24"] }, "192.0.2.9:443", [], "allow"],
    [{ allow: ["192.0.2.0/24"] }, "192.0.2.9/icmp", [], "allow"],
    [{ allow: ["192.0.2.0/24:443"] }, "192.0.2.9/icmp", [], "deny no-rule: --allow-net 192.0.2.9"],
    [{ allow: ["192.0.2.0/24"] }, "192.0.3.9:443", [], "deny no-rule: --allow-net 192.0.3.9:443"],
    [{ allow: ["192.0.2.0/24"] }, "[2a00::1]:443", [], "deny no-rule: --allow-net [2a00::1]:443"],
    [{ allow: ["192.0.2.9:8000-8100"] }, "192.0.2.9:8100", [], "allow"],
    [{ allow: ["192.0.2.9:8000-8100"] }, "192.0.2.9:8101", [], "deny no-rule: --allow-net 192.0.2.9:8101"],
    [{ allow: ["192.0.2.0/24"] }, "[64:ff9b::192.0.2.9]:443", [], "allow"],
    [{ allow: ["::/0"] }, "[64:ff9b::192.0.2.9]:443", [], "deny no-rule: --allow-net [64:ff9b::c000:209]:443"],
    [{ allow: ["64:ff9b::/96"] }, "[64:ff9b::192.0.2.9]:443", [], "allow"],
    [{ allow: ["64:ff9b::/96"] }, "192.0.2.9:443", [], "deny no-rule: --allow-net 192.0.2.9:443"],
    [{ allow: ["dns"] }, "192.0.2.9:53/udp", [], "deny no-rule: --allow-net 192.0.2.9:53"],
    [{ deny: ["192.0.2.0/24"] }, "192.0.2.9:443", [], "deny rule 192.0.2.0/24: leave out the rule 192.0.2.0/24"],
    [
      { deny: ["192.0.2.0/24"] },
      "[2002:c000:209::]:443",
      [],
      "deny rule 192.0.2.0/24: leave out the rule 192.0.2.0/24",
    ],
    [{ deny: ["2002::/16"] }, "[2002:c000:209::]:443", [], "deny rule 2002::/16: leave out the rule 2002::/16"],
    [{ deny: ["0.0.0.0/0:25"] }, "192.0.2.9:25", [], "deny rule 0.0.0.0/0:25: leave out the rule 0.0.0.0/0:25"],
    [{ deny: ["0.0.0.0/0:25"] }, "192.0.2.9:26", [], "allow"],
    [
      { allow: ["192.0.2.9"], deny: ["192.0.2.0/24"] },
      "192.0.2.9:1",
      [],
      "deny rule 192.0.2.0/24: leave out the rule 192.0.2.0/24",
    ],
  ]));

describe("name rules", () =>
  check([
    [{ allow: ["a.example"] }, "192.0.2.9:443", ["a.example"], "if-name"],
    [{ allow: ["a.example"] }, "192.0.2.9:443", [], "deny no-rule: --allow-net 192.0.2.9:443"],
    [{ allow: ["a.example"] }, "192.0.2.9:443", ["b.example"], "deny no-rule: --allow-net b.example:443"],
    [{ allow: ["a.example:443"] }, "192.0.2.9:80", ["a.example"], "deny no-rule: --allow-net a.example:80"],
    [{ allow: ["*.example"] }, "192.0.2.9:443", ["x.y.example"], "if-name"],
    [{ allow: ["*.example"] }, "192.0.2.9:443", ["example"], "deny no-rule: --allow-net example:443"],
    [{ allow: ["*.example"] }, "192.0.2.9:443", ["notexample"], "deny no-rule: --allow-net notexample:443"],
    [{ allow: ["a.example"] }, "192.0.2.9:123/udp", ["a.example"], "allow"],
    [{ allow: ["a.example"] }, "192.0.2.9/icmp", ["a.example"], "allow"],
    [
      { allow: ["a.example"] },
      "192.0.2.9:123/udp",
      ["a.example", "b.example"],
      "deny other-name: --allow-net b.example:123",
    ],
    [{ allow: ["a.example"] }, "192.0.2.9:443/udp", ["a.example"], "deny no-name: --allow-net 192.0.2.9:443"],
    [{ allow: ["a.example", "192.0.2.9"] }, "192.0.2.9:443/udp", ["a.example"], "allow"],
    [
      { allow: ["*.example"], deny: ["b.example"] },
      "192.0.2.9:443",
      ["b.example"],
      "deny rule b.example: leave out the rule b.example",
    ],
    [{ allow: ["*.example"], deny: ["b.example"] }, "192.0.2.9:443", ["a.example", "b.example"], "if-name"],
    [{ deny: ["b.example"] }, "192.0.2.9:443", ["b.example"], "deny rule b.example: leave out the rule b.example"],
    [{ deny: ["b.example"] }, "192.0.2.9:443", [], "if-name"],
    [{ deny: ["b.example:80"] }, "192.0.2.9:443", [], "allow"],
    [{ deny: ["b.example"] }, "192.0.2.9:443/udp", ["a.example"], "allow"],
    [
      { deny: ["b.example"] },
      "192.0.2.9:443/udp",
      ["a.example", "b.example"],
      "deny rule b.example: leave out the rule b.example",
    ],
  ]));
