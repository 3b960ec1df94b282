import { expect, test } from "bun:test";
import { matchSandbox } from "../../../src/state/find_sandbox.ts";
import type { Registered } from "../../../src/state/registry.ts";
import { isSandboxId, isSandboxName, sandboxId } from "../../../src/state/sandbox_name.ts";

function running(id: string, name?: string): Registered {
  const network = { mode: "none", ipv4: undefined, ipv6: undefined, resolver: undefined };
  return { id, state: { id, name, status: "creating", created: "", init: undefined, command: [], network } };
}

const ALL: readonly Registered[] = [
  running("aa1000000000", "web"),
  running("aa2000000000", "aa1"),
  running("bb0000000000"),
  { id: "cc0000000000", state: undefined },
];

test.each([
  ["web", "aa1000000000"],
  ["aa1000000000", "aa1000000000"],
  // A name goes before the beginning of an id.
  ["aa1", "aa2000000000"],
  ["aa10", "aa1000000000"],
  ["b", "bb0000000000"],
  ["cc", "cc0000000000"],
])("%s is %s", (word, id) => {
  const match = matchSandbox(ALL, word);
  expect(match.kind === "one" && match.sandbox.id).toBe(id);
});

test.each([["we"], [""], ["aa3"], ["AA1"], ["aa10000000000"], ["../x"]])("%p is none", (word) => {
  expect(matchSandbox(ALL, word)).toEqual({ kind: "none" });
});

test("the beginning of several is said to be of several", () => {
  expect(matchSandbox(ALL, "aa")).toEqual({ kind: "several", ids: ["aa1000000000", "aa2000000000"] });
});

test.each([["a"], ["web-1.x_y"], ["9"], ["A".repeat(63)]])("%p is a name", (name) => {
  expect(isSandboxName(name)).toBe(true);
});

test.each([[""], ["-a"], [".a"], ["_a"], ["a b"], ["a/b"], ["ä"], ["a\n"], ["A".repeat(64)]])("%p is none", (name) => {
  expect(isSandboxName(name)).toBe(false);
});

test("an id is made of six bytes", () => {
  const id = sandboxId(Uint8Array.of(0, 1, 2, 253, 254, 255));
  expect(id).toBe("000102fdfeff");
  expect(isSandboxId(id)).toBe(true);
});
