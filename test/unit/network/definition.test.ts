import { expect, test } from "bun:test";
import { formatPrefix } from "../../../src/net/wire/ip_address.ts";
import { formatDefinition, isMtu, parseDefinition, prefixProblem } from "../../../src/network/definition.ts";
import { nameProblem } from "../../../src/network/network_name.ts";
import { mutate, random } from "../host/random.ts";

const ROUNDS = 20_000;
const BOTH = `{"ipv4": "10.89.0.0/24", "ipv6": "fd12:3456:789a::/64", "mtu": 65520, "internal": false, "hostLoopback": true}`;
const ONE = `{"ipv4": null, "ipv6": "fd00::/48", "mtu": 1280, "internal": true, "hostLoopback": false}`;

test("what was written is read again", () => {
  for (const text of [BOTH, ONE]) {
    const read = parseDefinition(text);
    if (read.kind !== "read") throw new Error(read.cause);
    expect(parseDefinition(formatDefinition(read.definition))).toEqual(read);
    expect(JSON.parse(formatDefinition(read.definition))).toEqual(JSON.parse(text));
  }
});

test.each([
  ["", "it is no JSON object"],
  ["[]", "it is no JSON object"],
  ["null", "it is no JSON object"],
  [BOTH.replace("24", "33"), "ipv4 is no network"],
  [BOTH.replace("10.89.0.0/24", "10.89.0.1/24"), "ipv4 is no network"],
  [BOTH.replace("10.89.0.0/24", "127.0.0.0/24"), "ipv4 is no network"],
  [BOTH.replace("fd12", "ff02"), "ipv6 is no network"],
  [ONE.replace('"fd00::/48"', "null"), "it has neither"],
  [ONE.replace("1280", "1279"), "mtu is no number"],
  [ONE.replace("1280", '"1280"'), "mtu is no number"],
  [ONE.replace("true", "1"), "internal is neither"],
  [ONE.replace("false", "null"), "hostLoopback is neither"],
  [ONE.replace("{", '{"more": 1, '), 'it has a field "more"'],
  [ONE.replace("{", '{"__proto__": {}, '), 'it has a field "__proto__"'],
])("%p is refused", (text, cause) => {
  const read = parseDefinition(text);
  expect(read.kind === "problem" && read.cause).toContain(cause);
});

test("any text gives a definition that can be used, or a reason", () => {
  const next = random(0xde51);
  let accepted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const read = parseDefinition(mutate(round % 2 ? BOTH : ONE, next));
    if (read.kind === "problem") {
      expect(read.cause).not.toBe("");
      continue;
    }
    accepted++;
    const { ipv4, ipv6, mtu } = read.definition;
    expect(isMtu(mtu) && (ipv4 ?? ipv6) !== undefined).toBe(true);
    for (const [prefix, family] of [[ipv4, 4] as const, [ipv6, 6] as const])
      if (prefix)
        expect([formatPrefix(prefix), prefixProblem(prefix, family)]).toEqual([formatPrefix(prefix), undefined]);
  }
  expect(accepted).toBeGreaterThan(100);
});

test.each(["a", "dev", "0", "my-net_1.x", "a".repeat(63)])("%p is a name", (name) =>
  expect(nameProblem(name)).toBeUndefined(),
);

test.each([
  "",
  "A",
  "-a",
  ".a",
  "a/b",
  "..",
  "a b",
  "a".repeat(64),
  "é",
  "a\n",
  "none",
  "host",
  "slirp",
  "ns",
  "container",
  "fast",
])("%p is no name", (name) => expect(nameProblem(name)).toBeDefined());
