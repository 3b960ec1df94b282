// What is read back from the store's own files and from messages: the pure parts, and bytes that nobody wrote.
import { describe, expect, test } from "bun:test";
import { SyscallError } from "../../../../ffi/syscall_error.ts";
import { RootfsError } from "../../../../rootfs-builder/rootfs_error.ts";
import { type ImageRecord, parseImageRecord } from "../../../../rootfs-builder/store/images.ts";
import type { Job } from "../../../../rootfs-builder/store/job.ts";
import {
  descriptorsOf,
  encodeJob,
  outcomeOf,
  parseJob,
  takeOutcome,
} from "../../../../rootfs-builder/store/job_message.ts";
import { diffIDOf, isContentDigest, isLayerKey, layerKey } from "../../../../rootfs-builder/store/layout.ts";
import {
  type EnvironmentBase,
  isEnvironmentName,
  isSameBase,
  parseBase,
} from "../../../../rootfs-builder/store/open_environment.ts";
import {
  escapeBytes,
  nodeType,
  parseTreeEnd,
  parseTreeLine,
  type TreeLine,
  treeEnd,
  treeLine,
  unescapeBytes,
} from "../../../../rootfs-builder/store/tree_line.ts";
import { TarError } from "../../../../rootfs-builder/tar/tar_error.ts";
import { type Random, random } from "../../../fixtures/rootfs-builder/random.ts";

const DIGEST = `sha256:${"ab".repeat(32)}` as const;
const LONG_DIGEST = `sha512:${"cd".repeat(64)}` as const;
const FUZZED = 20_000;

const LINE: TreeLine = {
  type: "f",
  mode: 0o4755,
  uid: 0,
  gid: 65534,
  size: 12,
  mtime: -1n,
  content: "ab".repeat(32),
  attributes: "-",
  path: "usr/bin/a b%\n\xff",
};

describe("a line of a tree's description", () => {
  test("comes back as it was written", () => {
    expect(parseTreeLine(treeLine(LINE).slice(0, -1))).toEqual(LINE);
    const folder: TreeLine = { ...LINE, type: "d", size: undefined, content: "-", path: "" };
    expect(parseTreeLine(treeLine(folder).slice(0, -1))).toEqual(folder);
  });

  test("any bytes of a name stay one word of one line", () => {
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
    expect(escapeBytes(all)).toMatch(/^[!-~]+$/);
    expect(unescapeBytes(escapeBytes(all))).toBe(all);
  });

  test("the type is told by the mode", () => {
    const modes = [0o040755, 0o100644, 0o120777, 0o010600, 0o020000, 0o060000, 0o140755];
    expect(modes.map(nodeType).join("")).toBe("dflpcbs");
  });

  test("the end sums up", () => {
    const end = { files: 3, disk: 4096, sha256: "00".repeat(32) };
    expect(parseTreeEnd(treeEnd(end).slice(0, -1))).toEqual(end);
  });
});

const RECORD: ImageRecord = {
  name: "docker.io/library/alpine:3.22",
  manifest: { mediaType: "m", digest: DIGEST, size: 1 },
  config: { mediaType: "c", digest: LONG_DIGEST, size: 2 },
  layers: [{ mediaType: "l", digest: DIGEST, size: 3, diffID: DIGEST }],
  stored: 5,
};

describe("an image's record", () => {
  test("comes back as it was written", () => {
    expect(parseImageRecord(JSON.stringify({ version: 1, ...RECORD }))).toEqual(RECORD);
  });

  test.each([
    ["another version", { version: 2 }],
    ["no name", { name: "" }],
    ["a name of two lines", { name: "a\nb" }],
    ["a digest that is a path", { manifest: { ...RECORD.manifest, digest: "sha256:../../etc/passwd" } }],
    ["a size below nothing", { config: { ...RECORD.config, size: -1 } }],
    ["a layer without its diffID", { layers: [RECORD.manifest] }],
    ["layers that are no list", { layers: {} }],
    ["a time that is text", { stored: "now" }],
  ])("with %s is none", (_, change) => {
    expect(parseImageRecord(JSON.stringify({ version: 1, ...RECORD, ...change }))).toBeUndefined();
  });
});

describe("the base of an environment", () => {
  const bases: readonly EnvironmentBase[] = [
    { kind: "rootfs", name: "alpine:3.22.6", digest: `sha512-${"a".repeat(64)}` },
    { kind: "image", name: "app", manifest: DIGEST, layers: [layerKey(DIGEST, { kind: "single" })] },
    { kind: "folder", name: "/srv/tree" },
  ];

  test.each(bases)("comes back as it was written: %p", (base) => {
    expect(parseBase(JSON.stringify({ version: 1, ...base }))).toEqual(base);
    expect(bases.filter((other) => isSameBase(base, other))).toEqual([base]);
  });

  test("an image of the same layers is the same base, whatever it is called", () => {
    const image = bases[1] as Extract<EnvironmentBase, { kind: "image" }>;
    expect(isSameBase(image, { ...image, name: "other", manifest: LONG_DIGEST })).toBe(true);
  });

  test("layers that are paths are none", () => {
    const text = JSON.stringify({ version: 1, kind: "image", name: "a", manifest: DIGEST, layers: ["../../etc"] });
    expect(parseBase(text)).toBeUndefined();
  });

  test.each(["", ".", "..", "a/b", "-a", "a b", "a\n", "x".repeat(101)])("%j is no name of an environment", (name) => {
    expect(isEnvironmentName(name)).toBe(false);
  });
});

describe("keys of layers", () => {
  test.each([DIGEST, LONG_DIGEST])("lead back to the diffID: %s", (digest) => {
    for (const ownership of [{ kind: "single" }, { kind: "range", map: "0:1000:1" }] as const) {
      const key = layerKey(digest, ownership);
      expect(isLayerKey(key)).toBe(true);
      expect(diffIDOf(key)).toBe(digest);
    }
  });

  test("differ by the form of owners and by the map", () => {
    const keys = [{ kind: "single" }, { kind: "range", map: "a" }, { kind: "range", map: "b" }] as const;
    expect(new Set(keys.map((ownership) => layerKey(DIGEST, ownership))).size).toBe(3);
  });

  test("a digest of the wrong length is none", () => {
    expect(isContentDigest(`sha256:${"cd".repeat(64)}`)).toBe(false);
  });
});

const JOBS: readonly Job[] = [
  {
    kind: "unpack",
    archive: 3,
    root: 4,
    tree: 5,
    limits: { bytes: 1, entries: 2 },
    whiteouts: "overlay",
    ownership: "set",
    algorithm: "sha512",
    object: "layer",
  },
  { kind: "remove", folder: 3, name: "removed-0-sha256-ab" },
  { kind: "verify", folder: 3, ownership: "record" },
  { kind: "measure", root: 3 },
  { kind: "copy", from: 3, to: 4 },
  { kind: "pack", root: 3, archive: 4, whiteouts: "overlay", object: "x" },
  { kind: "compare", upper: 3, bases: [4, 5] },
  { kind: "archive", trees: [3, 4], output: 5, whiteouts: "merge", ownership: "set" },
];

describe("a job's message", () => {
  test.each(JOBS)("comes back as it was sent: %p", (job) => {
    expect(parseJob(encodeJob(job))).toEqual(job);
  });

  test("names every descriptor that it needs", () => {
    expect(JOBS.map(descriptorsOf)).toEqual([[3, 4, 5], [3], [3], [3], [3, 4], [3, 4], [3, 4, 5], [3, 4, 5]]);
  });

  test.each([
    ["a path for a name", { kind: "remove", folder: 3, name: "../x" }],
    ["the folder itself for a name", { kind: "remove", folder: 3, name: ".." }],
    ["a standard descriptor", { kind: "measure", root: 1 }],
    ["one field more", { kind: "measure", root: 3, name: "x" }],
    ["a kind of Object's", { kind: "constructor" }],
    ["a fraction of a descriptor", { kind: "measure", root: 3.5 }],
    ["bases that are text", { kind: "compare", upper: 3, bases: "45" }],
  ])("with %s is none", (_, value) => {
    expect(parseJob(JSON.stringify(value))).toBeUndefined();
  });
});

describe("a job's outcome", () => {
  test.each([
    new TarError("bad", 512, "name"),
    new SyscallError("write", "file", 28),
    new RootfsError("use", "x", "y", "z"),
  ])("%s is thrown again as it was", async (error) => {
    const text = JSON.stringify(await outcomeOf(() => Promise.reject(error)));
    expect(() => takeOutcome(text)).toThrow(error.message);
    expect(() => takeOutcome(text)).toThrow(error.constructor as new () => Error);
  });

  test("a result is handed on, and silence is an error", async () => {
    expect(takeOutcome(JSON.stringify(await outcomeOf(async () => ({ files: 1 }))))).toEqual({ files: 1 });
    expect(() => takeOutcome("")).toThrow(RootfsError);
  });
});

describe("bytes that nobody wrote", () => {
  const seeds = [
    treeLine(LINE).slice(0, -1),
    JSON.stringify({ version: 1, ...RECORD }),
    JSON.stringify({ version: 1, kind: "folder", name: "/" }),
    ...JOBS.map(encodeJob),
  ];

  test(`are read or refused, ${FUZZED} of them, seed 1`, () => {
    const dice = random(1);
    let accepted = 0;
    for (let run = 0; run < FUZZED; run++) {
      const text = mutate(seeds[dice.below(seeds.length)] ?? "", dice);
      const line = parseTreeLine(text);
      if (line) expect(parseTreeLine(treeLine(line).slice(0, -1))).toEqual(line);
      for (const parsed of [parseImageRecord(text), parseBase(text), parseJob(text), line]) accepted += parsed ? 1 : 0;
      const job = parseJob(text);
      if (job) expect(descriptorsOf(job).every((fd) => Number.isSafeInteger(fd) && fd > 2)).toBe(true);
    }
    expect(accepted).toBeGreaterThan(0);
  });
});

function mutate(text: string, { below }: Random): string {
  const characters = [...text];
  for (let count = below(3); count >= 0; count--) {
    const at = below(characters.length);
    const choice = below(3);
    if (choice === 0) characters.splice(at, 1);
    else if (choice === 1) characters.splice(at, 0, String.fromCharCode(below(128)));
    else characters[at] = String.fromCharCode(below(256));
  }
  return characters.join("");
}
