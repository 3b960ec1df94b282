import { describe, expect, test } from "bun:test";
import { FirstBytes, type FirstBytesVerdict } from "../../../../src/net/policy/first_bytes.ts";
import type { PolicyWords } from "../../../../src/net/policy/parse_policy.ts";
import { helloMessage, inRecords, joined, latin1, realHello, serverName } from "../../../fixtures/net/first_bytes.ts";
import { decideOn } from "../../../fixtures/net/policy.ts";

/** For a flow to 192.0.2.9, let in by a name. */
function watch(words: Partial<PolicyWords>, port = 443, names: readonly string[] = ["a.example"]): FirstBytes {
  const verdict = decideOn(words, `192.0.2.9:${port}`, names);
  if (verdict.kind !== "allow-if-name") throw new Error(verdict.kind);
  return new FirstBytes(verdict.condition);
}

function shown(verdict: FirstBytesVerdict): string {
  if (verdict.kind === "need-more") return "need-more";
  if (verdict.kind === "allow") return ["allow", verdict.protocol, ...verdict.names].join(" ");
  return `deny ${verdict.reason.kind}: ${verdict.hint}`;
}

const ALLOW_A = { allow: ["a.example"] };
const DENY_B = { deny: ["b.example"] };
const hello = (...names: readonly string[]): Uint8Array =>
  inRecords(helloMessage(...names.map((name) => serverName(name))));
const request = (host: string): Uint8Array => latin1(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
const SSH = latin1("SSH-2.0-OpenSSH_9.2p1\r\n");
const LITERAL = "--allow-net 192.0.2.9";

type Case = readonly [string, Partial<PolicyWords>, number, readonly string[], Uint8Array, string];
const CASES: readonly Case[] = [
  ["TLS for the name", ALLOW_A, 443, ["a.example"], hello("a.example"), "allow tls a.example"],
  ["TLS for another", ALLOW_A, 443, ["a.example"], hello("b.example"), "deny other-name: --allow-net b.example:443"],
  ["TLS without a name", ALLOW_A, 443, ["a.example"], hello(), `deny no-name: ${LITERAL}:443`],
  ["TLS without a name elsewhere", ALLOW_A, 5000, ["a.example"], hello(), `deny no-name: ${LITERAL}:5000`],
  ["TLS below a wildcard", { allow: ["*.example"] }, 443, ["a.example"], hello("x.y.example"), "allow tls x.y.example"],
  ["TLS, broken", ALLOW_A, 443, ["a.example"], hello("a.example", "a.example"), `deny malformed: ${LITERAL}:443`],
  [
    "TLS, a rule for another port",
    { allow: ["a.example:443", "b.example:80"] },
    443,
    ["a.example"],
    hello("b.example"),
    "deny other-name: --allow-net b.example:443",
  ],
  ["HTTP for the name", ALLOW_A, 80, ["a.example"], request("a.example"), "allow http a.example"],
  ["HTTP for another", ALLOW_A, 80, ["a.example"], request("b.example"), "deny other-name: --allow-net b.example:80"],
  ["HTTP for an address", ALLOW_A, 80, ["a.example"], request("[fd00::1]"), `deny no-name: ${LITERAL}:80`],
  [
    "HTTP behind an empty line",
    ALLOW_A,
    8080,
    ["a.example"],
    joined(latin1("\r\n"), request("b.example")),
    "deny other-name: --allow-net b.example:8080",
  ],
  [
    "HTTP, target and Host differ",
    ALLOW_A,
    8080,
    ["a.example"],
    latin1("GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    "deny other-name: --allow-net b.example:8080",
  ],
  ["SSH", ALLOW_A, 22, ["a.example"], SSH, "allow opaque"],
  ["SSH on 443", ALLOW_A, 443, ["a.example"], SSH, "allow opaque"],
  [
    "SSH to an address of two names",
    ALLOW_A,
    22,
    ["a.example", "b.example"],
    SSH,
    "deny other-name: --allow-net b.example:22",
  ],
  ["a database", ALLOW_A, 5432, ["a.example"], Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47), "allow opaque"],
  [
    "a database on 443",
    ALLOW_A,
    443,
    ["a.example"],
    Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47),
    `deny no-name: ${LITERAL}:443`,
  ],
  ["denied by name, TLS for it", DENY_B, 443, [], hello("b.example"), "deny rule: leave out the rule b.example"],
  ["denied by name, TLS for another", DENY_B, 443, [], hello("a.example"), "allow tls a.example"],
  ["denied by name, TLS without", DENY_B, 443, [], hello(), "allow opaque"],
  ["denied by name, HTTP for it", DENY_B, 80, [], request("B.example"), "deny rule: leave out the rule b.example"],
  ["denied by name, another protocol", DENY_B, 80, [], Uint8Array.of(0), "allow opaque"],
  [
    "denied by name, another protocol, address of both",
    DENY_B,
    22,
    ["a.example", "b.example"],
    SSH,
    "deny rule: leave out the rule b.example",
  ],
  ["nothing", ALLOW_A, 443, ["a.example"], new Uint8Array(), "need-more"],
];

describe("FirstBytes", () => {
  test.each(CASES)("%s", (_what, words, port, names, bytes, expected) => {
    expect(shown(watch(words, port, names).push(bytes))).toBe(expected);
  });

  test.each(CASES)("%s, byte by byte, says the same", (_what, words, port, names, bytes, expected) => {
    const reader = watch(words, port, names);
    let verdict: FirstBytesVerdict = { kind: "need-more" };
    for (const byte of bytes) {
      verdict = reader.push(Uint8Array.of(byte));
      if (verdict.kind !== "need-more") break;
    }
    expect(shown(verdict)).toBe(expected);
  });

  test("gives up on what might still have shown a name", () => {
    const reader = watch(ALLOW_A);
    expect(shown(reader.push(realHello("bun").subarray(0, 700)))).toBe("need-more");
    expect(shown(reader.giveUp())).toBe(`deny no-name: ${LITERAL}:443`);
  });

  test("lets a client go that closes without a word", () => {
    expect(shown(watch(ALLOW_A).giveUp())).toBe("allow opaque");
  });

  test("ends at the limit", () => {
    const reader = watch(ALLOW_A, 8080);
    reader.push(latin1("GET / HTTP/1.1\r\n"));
    let pushed = 0;
    let verdict: FirstBytesVerdict = { kind: "need-more" };
    for (; verdict.kind === "need-more"; pushed += 1024) verdict = reader.push(new Uint8Array(1024).fill(0x61));
    expect(shown(verdict)).toBe(`deny malformed: ${LITERAL}:8080`);
    expect(pushed).toBe(16384);
  });
});
