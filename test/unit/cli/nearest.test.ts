import { describe, expect, test } from "bun:test";
import { distance, nearest } from "../../../src/cli/parse/nearest.ts";

const NAMES = ["run", "doctor", "version", "help", "completion", "man"];

describe("nearest() guesses the name that was meant", () => {
  test.each([
    ["ru", "run"],
    ["rnu", undefined],
    ["runn", "run"],
    ["docter", "doctor"],
    ["comp", "completion"],
    ["completions", "completion"],
    ["vresion", "version"],
    ["hlep", "help"],
    ["ls", undefined],
    ["x", undefined],
    ["", undefined],
    ["kubernetes", undefined],
  ])("%s → %s", (word, name) => {
    expect(nearest(word, NAMES)).toBe(name);
  });

  test("the one with fewer changes wins", () => {
    expect(nearest("--env-fil", ["--env", "--env-file"])).toBe("--env-file");
    expect(nearest("--gid-map", ["--uidmap", "--gidmap"])).toBe("--gidmap");
  });
});

describe("distance() is Levenshtein's", () => {
  test.each([
    ["", "", 0],
    ["abc", "abc", 0],
    ["", "abc", 3],
    ["kitten", "sitting", 3],
    ["flaw", "lawn", 2],
  ])("%s, %s: %d", (a, b, expected) => {
    expect(distance(a, b)).toBe(expected);
    expect(distance(b, a)).toBe(expected);
  });
});
