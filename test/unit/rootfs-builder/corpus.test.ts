// Archives that have led other unpackers out of their folder, made anew from what is published of each. A case says what
// becomes of it here: a part of the refusal, or the names that there are afterwards. Nothing outside changes in any.
import { describe, expect, test } from "bun:test";
import { O_DIRECTORY, O_RDONLY, open } from "../../../ffi/file.ts";
import { type ExtractOptions, extract } from "../../../rootfs-builder/tar/extract.ts";
import { TarError } from "../../../rootfs-builder/tar/tar_error.ts";
import { Canary } from "../../fixtures/rootfs-builder/canary.ts";
import { concat, gnuLong, type Member, member, pax, tar } from "../../fixtures/rootfs-builder/tar_writer.ts";
import { tree } from "../../fixtures/rootfs-builder/tree.ts";

type Outcome = { readonly refused: string } | { readonly names: readonly string[] };
type Case = {
  /** `out`: absolute path of the folder that is not to be touched. */
  readonly archive: (out: string) => readonly Member[] | Uint8Array;
  readonly outcome: Outcome | ((out: string) => Outcome);
  readonly options?: ExtractOptions;
};

const NOWHERE = { refused: "leads nowhere" };
const NOT_THERE = { refused: "the hard link's target is not there" };
const DOTS = { refused: "'..'" };
const PWNED = { content: "pwned", mode: 0o4777 };

const link = (name: string, linkname: string): Member => ({ name, type: "2", linkname });
const hard = (name: string, linkname: string): Member => ({ name, type: "1", linkname });
const folder = (name: string, mode = 0o777): Member => ({ name, type: "5", mode, mtime: 1 });
const file = (name: string): Member => ({ name, ...PWNED });
/** The folders on the way to an absolute path, and what is there. */
const inside = (path: string): readonly string[] => {
  const parts = path.split("/").filter(Boolean);
  return parts.map((_, at) => parts.slice(0, at + 1).join("/"));
};

const CASES: Readonly<Record<string, Case>> = {
  "umoci CVE-2021-29136: the root itself as a link": {
    archive: (out) => [link("/.", out), file("secret")],
    outcome: { refused: "only a folder can be the root" },
  },
  "umoci CVE-2021-29136: the root as a hard link": {
    archive: (out) => [hard("./", `${out}/secret`)],
    outcome: { refused: "only a folder can be the root" },
  },
  "node-tar CVE-2021-32803: a folder known, then swapped for a link": {
    archive: (out) => [folder("d/"), file("d/first"), link("d", out), file("d/secret")],
    outcome: { refused: "not empty" },
  },
  "node-tar CVE-2021-32803: an empty one": {
    archive: (out) => [folder("d/"), link("d", out), file("d/secret")],
    outcome: NOWHERE,
  },
  "node-tar CVE-2021-32804: more than one slash before an absolute name": {
    archive: (out) => [file(`////${out}/secret`)],
    outcome: (out) => ({ names: inside(`${out}/secret`) }),
  },
  "node-tar CVE-2021-37701: a folder and a link told apart by a backslash": {
    archive: (out) => [folder("d\\x/"), link("d\\x", out), file("d\\x/secret")],
    outcome: NOWHERE,
  },
  "node-tar CVE-2021-37701: a folder spelled in another way": {
    archive: (out) => [folder("a//d/"), link("./a/./d", out), file("a/d/secret")],
    outcome: NOWHERE,
  },
  "node-tar CVE-2021-37712: names that are equal once normalized": {
    archive: (out) => [
      folder("caf\u00e9/"),
      link("cafe\u0301", out),
      file("caf\u00e9/secret"),
      file("cafe\u0301/secret"),
    ],
    outcome: NOWHERE,
  },
  "node-tar CVE-2021-37713: a path relative to a drive": {
    archive: () => [file("C:../outside/secret")],
    outcome: { names: ["C:..", "C:../outside", "C:../outside/secret"] },
  },
  "node-tar CVE-2026-23745: an absolute target of a hard link, then written to": {
    archive: (out) => [hard("h", `${out}/secret`), file("h")],
    outcome: NOT_THERE,
  },
  "node-tar CVE-2026-23745: an absolute target of a link, then written to": {
    archive: (out) => [link("l", `${out}/secret`), file("l")],
    outcome: { names: ["l"] },
  },
  "node-tar CVE-2026-23950: names that a file system may take for one": {
    archive: (out) => [link("collision_ss", out), file("collision_\u00df/secret"), file("collision_SS")],
    outcome: { names: ["collision_SS", "collision_ss", "collision_\u00c3\u009f", "collision_\u00c3\u009f/secret"] },
  },
  "node-tar CVE-2026-26960: a hard link through a chain of links": {
    archive: () => [
      folder("a/b/c/"),
      link("a/b/c/up", "../../.."),
      link("a/b/escape", "c/up/../.."),
      hard("h", "a/b/escape/outside/secret"),
      file("h"),
    ],
    outcome: NOT_THERE,
  },
  "node-tar CVE-2026-29786: a hard link relative to a drive": {
    archive: () => [hard("h", "C:../outside/secret")],
    outcome: NOT_THERE,
  },
  "node-tar CVE-2026-31802: a link relative to a drive": {
    archive: () => [link("l", "C:../../outside"), file("l/secret")],
    outcome: NOWHERE,
  },
  "libarchive CVE-2016-5418: a hard link with content of its own": {
    archive: (out) => [link("l", `${out}/secret`), hard("h", "l"), { name: "h", type: "1", linkname: "l", ...PWNED }],
    outcome: { refused: "no tar header" },
  },
  "libarchive CVE-2016-5418: said by a pax record": {
    archive: (out) => [
      link("l", `${out}/secret`),
      pax({ size: "5" }),
      { name: "h", type: "1", linkname: "l", ...PWNED },
    ],
    outcome: { refused: "gives a hardlink content" },
  },
  "libarchive CVE-2021-23177: attributes of a link set on what it leads to": {
    archive: (out) => [
      pax({ "SCHILY.xattr.user.canary": "dead", "SCHILY.acl.access": "user::rwx,other::rwx" }),
      link("l", `${out}/secret`),
    ],
    outcome: { names: ["l"] },
  },
  "libarchive CVE-2021-31566: what a folder gets in the end set through a link": {
    archive: (out) => [folder("d/", 0o777), link("d", `${out}/folder`)],
    outcome: { names: ["d"] },
  },
  "libarchive CVE-2021-31566: the same one level higher": {
    archive: (out) => [folder("d/folder/", 0o777), folder("x/"), link("y", out), folder("y/folder/", 0o777)],
    outcome: NOWHERE,
  },
  "GNU tar CVE-2016-6321: dots stripped from a name": {
    archive: () => [file("root/../../outside/secret")],
    outcome: DOTS,
  },
  "Python CVE-2007-4559: dots and an absolute name": { archive: () => [file("../outside/secret")], outcome: DOTS },
  "Python CVE-2025-4517: a path too long to be resolved": {
    archive: () => {
      const deep = "d".repeat(247);
      const steps = "abcdefghijklmnop".split("");
      const path = steps.map(() => deep);
      return [
        ...steps.flatMap((step, at) => {
          const above = path.slice(0, at).join("/");
          const in_ = (name: string): string => (above === "" ? name : `${above}/${name}`);
          return [pax({ path: `${in_(deep)}/` }), folder("x"), pax({ path: in_(step) }), link("x", deep)].slice(
            0,
            in_(deep).length < 4000 ? 4 : 0,
          );
        }),
        pax({ path: `${steps.join("/")}/l`, linkpath: "../".repeat(steps.length) }),
        link("x", "x"),
        file("escape"),
      ];
    },
    outcome: { refused: "leads nowhere" },
  },
  "tar-rs CVE-2025-62518: a header's size against a pax record's": {
    archive: () => [
      pax({ size: "1024" }),
      { name: "outer", size: 0, content: concat(member({ name: "../outside/secret", ...PWNED })) },
      { name: "after" },
    ],
    outcome: { names: ["after", "outer"] },
  },
  "a link to the root from within, and a name through it": {
    archive: (out) => [link("l", "/"), file(`l/${out}/secret`)],
    outcome: (out) => ({ names: [...inside(`${out}/secret`), "l"] }),
  },
  "a link to itself": { archive: () => [link("l", "l"), file("l/x")], outcome: { refused: "too many symbolic links" } },
  "magic links of proc": { archive: () => [link("l", "/proc/self/root"), file("l/x")], outcome: NOWHERE },
  "a hard link to a folder": { archive: () => [folder("d/"), hard("h", "d")], outcome: { refused: "is a folder" } },
  "a hard link to what comes later": { archive: () => [hard("h", "f"), file("f")], outcome: NOT_THERE },
  "devices, of which none is made": {
    archive: () => [
      { name: "null", type: "3" },
      { name: "d/sda", type: "4" },
      { name: "f", content: "" },
    ],
    outcome: { names: ["f"] },
  },
  "setuid on all that can have it": {
    archive: () => [file("f"), folder("d/", 0o6777), { name: "p", type: "6", mode: 0o6666 }],
    outcome: { names: ["d", "f", "p"] },
  },
  "a file, a folder and a link in each other's place": {
    archive: (out) => [file("x"), folder("x/"), link("x", out), file("x"), folder("x/"), file("x/y")],
    outcome: { names: ["x", "x/y"] },
  },
  "the same name many times": { archive: () => Array.from({ length: 50 }, () => file("x")), outcome: { names: ["x"] } },
  "names that differ in case alone": {
    archive: (out) => [folder("Dir/"), link("dir", out), file("DIR"), file("Dir/f")],
    outcome: { names: ["DIR", "Dir", "Dir/f", "dir"] },
  },
  "a nest of 100 folders": {
    archive: () => [pax({ path: `${"n/".repeat(100)}f` }), file("x")],
    outcome: { names: inside(`${"n/".repeat(100)}f`) },
  },
  "a name of 255 bytes, and one more": {
    archive: () => [gnuLong("L", "n".repeat(255)), file("x"), gnuLong("L", "n".repeat(256)), file("x")],
    outcome: { refused: "longer than this file system takes" },
  },
  "a name that is no UTF-8, with a newline and an escape": {
    archive: () => [{ name: new Uint8Array([0xff, 0x0a, 0x1b, 0x5b]), content: "x" }],
    outcome: { names: ["\xff\n\x1b["] },
  },
  "a folder without write permission that is filled later": {
    archive: () => [folder("d/", 0o500), file("d/f"), folder("d/e/", 0o500), file("d/e/f")],
    outcome: { names: ["d", "d/e", "d/e/f", "d/f"] },
  },
  "a whiteout of what is above": {
    archive: () => [{ name: ".wh..." }],
    options: { whiteouts: "overlay" },
    outcome: { refused: "nothing can have" },
  },
  "a whiteout of the folder itself": {
    archive: () => [{ name: "d/.wh.." }],
    options: { whiteouts: "overlay" },
    outcome: { refused: "nothing can have" },
  },
  "a whiteout through a link to outside": {
    archive: (out) => [link("l", out), { name: "l/.wh.secret" }, { name: "l/.wh..wh..opq" }],
    options: { whiteouts: "overlay" },
    outcome: NOWHERE,
  },
  "something below a whiteout": {
    archive: () => [file(".wh.d/f")],
    options: { whiteouts: "overlay" },
    outcome: { refused: "nothing can have" },
  },
  "an opaque mark whose folder is swapped for a link": {
    archive: (out) => [{ name: "d/.wh..wh..opq" }, link("d", `${out}/folder`)],
    options: { whiteouts: "overlay" },
    outcome: { names: ["d"] },
  },
};

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function outcomeOf(bytes: Uint8Array, root: string, options?: ExtractOptions): Promise<Outcome> {
  using fd = open(root, O_RDONLY | O_DIRECTORY);
  try {
    await extract(one(bytes), fd.number, options);
  } catch (error) {
    if (error instanceof TarError) return { refused: error.message };
    throw error;
  }
  return { names: tree(root).flatMap(({ name }) => (name === "" ? [] : [name])) };
}

describe("the corpus", () => {
  test.each(Object.keys(CASES))("%s", async (name) => {
    const { archive, outcome, options } = CASES[name] ?? expect.unreachable();
    using canary = new Canary();
    const made = archive(canary.outside);
    const found = await outcomeOf(made instanceof Uint8Array ? made : tar(...made), canary.root, options);
    expect(canary.changes()).toEqual([]);
    const expected = typeof outcome === "function" ? outcome(canary.outside) : outcome;
    if ("refused" in expected) expect(found).toEqual({ refused: expect.stringContaining(expected.refused) as never });
    else expect(found).toEqual({ names: [...expected.names].sort() });
  });

  test("and the canary would tell of a change", async () => {
    using canary = new Canary();
    await outcomeOf(tar(folder("secret/", 0o700)), canary.outside);
    expect(canary.changes()).not.toEqual([]);
  });
});
