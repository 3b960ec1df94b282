// The section [rootfs] of a sandbox.toml: what it may say, what is refused and how, and texts that nobody wrote.
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { FaultError } from "../../../../src/base/fault.ts";
import { parseRecipe } from "../../../../src/cli/recipe/parse_recipe.ts";
import { readRecipe } from "../../../../src/cli/recipe/read_recipe.ts";
import { type Random, random } from "../../../fixtures/rootfs-builder/random.ts";
import { TemporaryFolder } from "../../../fixtures/rootfs-builder/temporary_folder.ts";
import { faultOf } from "../fault_of.ts";

const FUZZED = 20_000;
const FULL = `
title = "of others"

[rootfs]
from = "alpine:3.22"
packages = ["gcc", "python3=3.12.8-r1", "jq>1.7", "./tools/x.apk", "y.apk"]
copy = ["src:/opt/src", "a:b:/c/", { from = "./z//q", to = "/z" }, ".:/all"]
run = ["make", """
one
two
"""]

[rootfs.env]
A = "1"
B_2 = "x=y"

[network]
mode = "none"
`;

function refused(section: string) {
  return faultOf(() => parseRecipe(`[rootfs]\n${section}`, "sandbox.toml"));
}

describe("a recipe", () => {
  test("is read in full, and sections of others are passed over", () => {
    expect(parseRecipe(FULL, "x")).toEqual({
      from: "alpine:3.22",
      packages: [
        { kind: "name", name: "gcc" },
        { kind: "name", name: "python3=3.12.8-r1" },
        { kind: "name", name: "jq>1.7" },
        { kind: "file", path: "tools/x.apk" },
        { kind: "file", path: "y.apk" },
      ],
      copy: [
        { from: "src", to: "/opt/src" },
        { from: "a:b", to: "/c/" },
        { from: "z/q", to: "/z" },
        { from: ".", to: "/all" },
      ],
      run: ["make", "one\ntwo\n"],
      env: [
        ["A", "1"],
        ["B_2", "x=y"],
      ],
    });
  });

  test("needs no more than a base", () => {
    const nothing = { packages: [], copy: [], run: [], env: [] };
    expect(parseRecipe('[rootfs]\nfrom = "alpine"', "x")).toEqual({ from: "alpine", ...nothing });
  });

  test.each([
    ['form = "alpine"', "sandbox.toml, line 2", 'no key "form"', "did you mean from?"],
    ['from = "a"\npackage = []', "line 3", 'no key "package"', "did you mean packages?"],
    ['from = "a"\nzzz = 1', "line 3", 'no key "zzz"', "known are from, packages"],
    ["packages = []", "sandbox.toml", "has no from", "from ="],
    ["from = 3", "line 2, from", "it is a number, and a text is wanted", "quotes"],
    ['from = ""', "line 2, from", "empty", "alpine"],
    ['from = "host"', "line 2, from", "host's view", "alpine"],
    ['from = "a"\nrun = "make"', "line 3, run", "it is a text, and a list is wanted", "run = ["],
    ['from = "a"\nrun = ["a", 1]', "line 3, run[1]", "a number", "quotes"],
    ['from = "a"\nrun = ["  "]', "run[0]", "empty", ""],
    ['from = "a"\npackages = ["--purge"]', "packages[0]", "no name of a package", "gcc"],
    ['from = "a"\npackages = ["a b"]', "packages[0]", "no name of a package", "gcc"],
    ['from = "a"\npackages = ["../x.apk"]', "packages[0]", "not below the folder", ""],
    ['from = "a"\ncopy = ["x"]', "copy[0]", "no SRC:DST", "SRC:/DST"],
    ['from = "a"\ncopy = ["x:y"]', "copy[0]", "does not begin with a slash", ""],
    ['from = "a"\ncopy = ["x:/y/../z"]', "copy[0]", '".." in it', ""],
    ['from = "a"\ncopy = ["../x:/y"]', "copy[0]", "not below the folder", ""],
    ['from = "a"\ncopy = ["/etc/passwd:/y"]', "copy[0]", "not below the folder", ""],
    ['from = "a"\ncopy = [{ from = "x" }]', "copy[0]", "from and to", ""],
    ['from = "a"\ncopy = [{ from = "x", too = "/y" }]', "sandbox.toml", 'no key "too"', "did you mean to?"],
    ['from = "a"\ncopy = [7]', "copy[0]", "a number", ""],
    ['from = "a"\nenv = { A = 1 }', "env.A", "a number", "quotes"],
    ['from = "a"\nenv = { "A B" = "1" }', "env", "no name of a variable", ""],
    ['from = "a"\nenv = ["A=1"]', "env", "a list, and a table", ""],
    ['from = "a"\nrun = ["a\\u0000b"]', "run[0]", "a NUL", ""],
    ['from = "a"\n__proto__ = {}', "sandbox.toml", '"__proto__"', ""],
  ])("%s is refused by name", (section, where, cause, hint) => {
    const fault = refused(section);
    expect(fault.what).toContain(where);
    expect(fault.cause).toContain(cause);
    expect(fault.hint).toContain(hint);
    expect(fault.exitCode).toBe(125);
  });

  test.each(["", "x = 1", "rootfs = 3", "[[rootfs]]\nfrom = 'a'"])("without its section, %p is none", (text) => {
    expect(() => parseRecipe(text, "x")).toThrow(FaultError);
  });
});

describe("broken TOML", () => {
  test.each([
    ["[rootfs]\nfrom = alpine\n", "line 2, column 8"],
    ['[rootfs]\nfrom = "a"\n  from = "b"\n', "line 3, column 3"],
    ["[rootfs\n", "line 1"],
    ['[rootfs]\nrun = ["a"\n\nx = 1\n', "line 4"],
  ])("%p is refused at its place", async (text, place) => {
    using folder = new TemporaryFolder();
    const path = join(folder.path, "sandbox.toml");
    writeFileSync(path, text);
    const error: unknown = await readRecipe(path, "./sandbox.toml").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(FaultError);
    expect((error as FaultError).fault.what).toContain(`./sandbox.toml, ${place}`);
  });

  test("a file that is missing is an error of its own", async () => {
    const error: unknown = await readRecipe("/nowhere/x.toml", "x.toml").catch((caught: unknown) => caught);
    expect((error as FaultError).fault.cause).toBe("there is no such file");
  });
});

describe("texts that nobody wrote", () => {
  test(`are read or refused, ${FUZZED} of them, seed 1`, () => {
    const source = random(1);
    const kinds = { read: 0, fault: 0, syntax: 0 };
    for (let count = 0; count < FUZZED; count++) kinds[outcome(mutated(FULL, source))]++;
    // Each way out is met, so the test does not pass by refusing all.
    for (const kind of Object.values(kinds)) expect(kind).toBeGreaterThan(100);
  });
});

const INSERTED = [
  "[",
  "]",
  '"',
  "=",
  "..",
  "/",
  "\0",
  "{",
  "}",
  "\n",
  "3",
  "[rootfs]",
  "from",
  "\u{1f600}",
  ":",
  "'''",
] as const;

function mutated(text: string, source: Random): string {
  let result = text;
  for (let edits = 1 + source.below(3); edits > 0; edits--) {
    const at = source.below(result.length + 1);
    const cut = source.below(4) === 0 ? source.below(40) : source.below(2);
    result = result.slice(0, at) + (source.below(2) === 0 ? source.pick(INSERTED) : "") + result.slice(at + cut);
  }
  return result;
}

/** Whatever is read keeps to what the builder relies on. */
function outcome(text: string): "read" | "fault" | "syntax" {
  try {
    const { copy, packages, env } = parseRecipe(text, "x");
    for (const { from, to } of copy) {
      expect(from.startsWith("/") || from.split("/").includes("..")).toBe(false);
      expect(to).toStartWith("/");
      expect(to.split("/")).not.toContain("..");
    }
    for (const item of packages) if (item.kind === "name") expect(item.name).not.toStartWith("-");
    for (const [name, value] of env) expect(`${name}=${value}`).not.toContain("\0");
    return "read";
  } catch (error) {
    if (error instanceof FaultError) return "fault";
    if (error instanceof SyntaxError) return "syntax";
    throw error;
  }
}
