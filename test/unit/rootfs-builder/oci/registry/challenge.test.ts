import { expect, test } from "bun:test";
import { type Challenge, parseChallenges } from "../../../../../rootfs-builder/oci/registry/challenge.ts";
import { retryAfter } from "../../../../../rootfs-builder/oci/registry/retry_after.ts";
import { random } from "../../../../fixtures/rootfs-builder/random.ts";

const plain = (challenges: readonly Challenge[]) =>
  challenges.map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

const HUB =
  'Bearer realm="https://auth.test/token",service="registry.test",scope="repository:library/alpine:pull,push"';

test.each<[string, unknown]>([
  [
    HUB,
    [
      [
        "bearer",
        { realm: "https://auth.test/token", service: "registry.test", scope: "repository:library/alpine:pull,push" },
      ],
    ],
  ],
  ['Basic realm="a \\"b\\" c"', [["basic", { realm: 'a "b" c' }]]],
  ["Basic", [["basic", {}]]],
  ['bearer REALM = x , service="y"', [["bearer", { realm: "x", service: "y" }]]],
  [
    'Negotiate, Basic realm="x"',
    [
      ["negotiate", {}],
      ["basic", { realm: "x" }],
    ],
  ],
  [
    'Negotiate YWJj==, Basic realm="x", Bearer realm="y"',
    [
      ["negotiate", {}],
      ["basic", { realm: "x" }],
      ["bearer", { realm: "y" }],
    ],
  ],
  ["", []],
  ["=", []],
  ['realm="x"', []],
  ['Basic realm="x', [["basic", {}]]],
])("%s", (header, challenges) => expect<unknown>(plain(parseChallenges(header))).toEqual(challenges));

test("parameters belong to the scheme before them", () => {
  expect(plain(parseChallenges(`Basic realm="x", ${HUB}`))).toEqual([
    ["basic", { realm: "x" }],
    [
      "bearer",
      { realm: "https://auth.test/token", service: "registry.test", scope: "repository:library/alpine:pull,push" },
    ],
  ]);
});

test("any header is read in bounded time (30,000 headers)", () => {
  const { below, pick } = random(0xc4a1);
  const parts: [string, ...string[]] = [
    "Bearer",
    "Basic",
    " ",
    ",",
    "=",
    '"',
    "\\",
    "realm",
    "x".repeat(300),
    "\u00e9",
    "\t",
    "==",
  ];
  let found = 0;
  for (let round = 0; round < 30_000; round++) {
    const header = Array.from({ length: below(14) }, () => pick(parts)).join("");
    for (const { scheme } of parseChallenges(header)) if (scheme.length > 0) found++;
  }
  expect(found).toBeGreaterThan(1000);
  expect(parseChallenges('Basic a="'.repeat(100_000)).length).toBeLessThan(10_000);
});

test.each([
  [null, 0],
  ["", 0],
  ["7", 7000],
  [" 7 ", 7000],
  ["-7", 0],
  ["soon", 0],
  ["99999999999999", 0],
  ["Thu, 01 Jan 1970 00:00:10 GMT", 9000],
  ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
])("Retry-After: %s is %d ms", (header, wait) => expect(retryAfter(header, 1000)).toBe(wait));
