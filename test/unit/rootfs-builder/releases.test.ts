import { expect, test } from "bun:test";
import { ALPINE_VERSIONS, resolveAlpine } from "../../../rootfs-builder/alpine/releases.ts";
import { RootfsError } from "../../../rootfs-builder/rootfs_error.ts";

const NEWEST = ALPINE_VERSIONS[0] ?? "";

test.each([
  ["3.22.6", "3.22.6"],
  ["3.22", "3.22.6"],
  ["v3.21", "3.21.8"],
  ["3", NEWEST],
  ["latest", NEWEST],
  ["latest-stable", NEWEST],
  ["", NEWEST],
])("alpine:%s is %s", (text, version) => {
  expect(resolveAlpine(text, "x86_64").version).toBe(version);
});

test("plain alpine is the one in the program, any other wish is not", () => {
  expect(resolveAlpine("", "x86_64", "3.20.3").version).toBe("3.20.3");
  expect(resolveAlpine("latest", "x86_64", "3.20.3").version).toBe(NEWEST);
});

test("each release has a digest of its own for each architecture", () => {
  const digests = ALPINE_VERSIONS.flatMap((version) => [
    resolveAlpine(version, "x86_64").sha512,
    resolveAlpine(version, "aarch64").sha512,
  ]);
  expect(new Set(digests).size).toBe(2 * ALPINE_VERSIONS.length);
  for (const digest of digests) expect(digest).toMatch(/^[0-9a-f]{128}$/);
});

test.each(["3.2", "3.22.5", "2", "edge", "3.22.6/../..", "constructor"])("alpine:%s is refused", (text) => {
  expect(() => resolveAlpine(text, "x86_64")).toThrow(RootfsError);
});

test("the refusal names what there is", () => {
  try {
    resolveAlpine("3.1", "x86_64");
    expect.unreachable();
  } catch (error) {
    expect((error as RootfsError).hint).toContain(ALPINE_VERSIONS.join(", "));
  }
});

test("edge is refused with the reason: nothing that it could be pinned to", () => {
  try {
    resolveAlpine("edge", "x86_64");
    expect.unreachable();
  } catch (error) {
    expect((error as RootfsError).cause).toContain("changes from day to day");
    expect((error as RootfsError).hint).toContain("latest-stable");
  }
});
