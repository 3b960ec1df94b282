import { describe, expect, test } from "bun:test";
import { NameBindings } from "../../../../src/net/policy/name_bindings.ts";
import { address } from "../../../fixtures/net/policy.ts";

const HOUR = 3_600_000;
const ADDRESS = address("192.0.2.1");

describe("NameBindings", () => {
  test("knows all names of an address, the last first", () => {
    const bindings = new NameBindings();
    bindings.bind("a.example", ADDRESS, 60, 0);
    bindings.bind("b.example", ADDRESS, 60, 1);
    bindings.bind("c.example", address("192.0.2.2"), 60, 2);
    expect(bindings.namesOf(ADDRESS, 3)).toEqual(["b.example", "a.example"]);
    bindings.bind("a.example", ADDRESS, 60, 4);
    expect(bindings.namesOf(ADDRESS, 5)).toEqual(["a.example", "b.example"]);
  });

  test.each([
    ["an hour for a TTL of 0", 0, HOUR],
    ["the TTL where that is more", 7200, 2 * HOUR],
    ["a week at most", 2 ** 31, 7 * 24 * HOUR],
  ])("keeps a binding for %s", (_what, ttl, lasts) => {
    const bindings = new NameBindings();
    bindings.bind("a.example", ADDRESS, ttl, 1000);
    expect(bindings.namesOf(ADDRESS, 999 + lasts)).toEqual(["a.example"]);
    expect(bindings.namesOf(ADDRESS, 1000 + lasts)).toEqual([]);
    expect(bindings.size).toBe(0);
  });

  test("a shorter TTL does not end a longer one", () => {
    const bindings = new NameBindings();
    bindings.bind("a.example", ADDRESS, 7200, 0);
    bindings.bind("a.example", ADDRESS, 1, 1);
    expect(bindings.namesOf(ADDRESS, 2 * HOUR - 1)).toEqual(["a.example"]);
  });

  test("forgets what was bound longest ago, beyond its limits", () => {
    const bindings = new NameBindings({ addresses: 2, namesPerAddress: 2 });
    for (const last of [1, 2, 1, 3]) bindings.bind("a.example", address(`192.0.2.${last}`), 60, 0);
    expect(bindings.size).toBe(2);
    expect([1, 2, 3].map((last) => bindings.namesOf(address(`192.0.2.${last}`), 1).length)).toEqual([1, 0, 1]);
    for (const name of ["b.example", "a.example", "c.example"]) bindings.bind(name, ADDRESS, 60, 0);
    expect(bindings.namesOf(ADDRESS, 1)).toEqual(["c.example", "a.example"]);
  });
});
