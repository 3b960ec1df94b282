// Archives made of members that are each in order and together hostile: names that meet, links that lead out, whiteouts,
// attributes, sparse maps; some damaged afterwards. Whatever becomes of one, nothing outside changes, no descriptor stays
// open, and the only errors are those of the archive. The seed is in the file: a failure can be repeated.
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { O_DIRECTORY, O_RDONLY, open } from "../../../ffi/file.ts";
import { type ExtractOptions, extract } from "../../../rootfs-builder/tar/extract.ts";
import { TarError } from "../../../rootfs-builder/tar/tar_error.ts";
import { Canary } from "../../fixtures/rootfs-builder/canary.ts";
import { type Random, random } from "../../fixtures/rootfs-builder/random.ts";
import { gnuLong, type Member, pax, seal, tar } from "../../fixtures/rootfs-builder/tar_writer.ts";

const ROUNDS = 1500;
const NAMES = [
  "a",
  "b",
  "a/b",
  "b/a",
  "a/secret",
  "b/secret",
  "a/b/c",
  "/a",
  "./b/",
  "c/b/a",
  "a/",
  "a/b/",
  ".",
  "./",
  "a//b",
] as const;
const WHITEOUTS = [
  ".wh.a",
  "a/.wh.b",
  "a/.wh..wh..opq",
  ".wh..wh..opq",
  "b/.wh.secret",
  ".wh..wh.aufs",
  "a/b/.wh.c",
] as const;
const LINKS = [
  ".",
  "..",
  "../..",
  "/",
  "a",
  "b",
  "../b",
  "/a",
  "a/b",
  "../../outside",
  "/proc/self/root",
  "a/secret",
] as const;

function nameOf({ below, pick }: Random): string {
  return below(6) === 0 ? pick(WHITEOUTS) : pick(NAMES);
}

function targetOf({ below, pick }: Random, outside: string): string {
  return below(3) === 0 ? pick([outside, `${outside}/secret`, `${outside}/folder`, "../outside/secret"]) : pick(LINKS);
}

function sparse({ below }: Random, name: string): Member[] {
  const start = below(100);
  const map = `${start},2,${start + 2 + below(50)},1`;
  const size = `${start + below(200)}`;
  return [
    pax({ "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": size, "GNU.sparse.map": map }),
    { name, content: "abc" },
  ];
}

function attributes({ pick }: Random): Member {
  const name = pick([
    "user.a",
    "user.overlay.opaque",
    "user.containers.override_stat",
    "trusted.x",
    "security.capability",
    "user.canary",
  ]);
  return pax({ [`SCHILY.xattr.${name}`]: pick(["", "y", "0:0:0777", "x".repeat(300)]), uid: pick(["0", "7"]) });
}

/** One entry, with what goes before it. */
function entryOf(source: Random, outside: string): Member[] {
  const { below, pick } = source;
  const name = nameOf(source);
  if (below(12) === 0) return sparse(source, name);
  const type = pick(["0", "0", "0", "1", "2", "2", "5", "5", "6", "3", "7", "D"]);
  const long = targetOf(source, outside);
  const before = below(4) === 0 ? [attributes(source)] : below(8) === 0 ? [gnuLong("L", name)] : [];
  const linkname = type === "1" || type === "2" ? long.slice(0, 100) : "";
  const content = type === "0" ? "x".repeat(below(3) * 600) : "";
  return [...before, { name, type, linkname, content, mode: pick([0o777, 0o4755, 0o500, 0, 0o7777]) }];
}

function damage(bytes: Uint8Array<ArrayBuffer>, { below }: Random): void {
  const block = 512 * below(bytes.length / 512);
  const at = block + below(512);
  bytes[at] = below(256);
  if (bytes[block + 257] === 0x75) seal(bytes, block);
}

function optionsOf({ pick }: Random): ExtractOptions {
  return {
    whiteouts: pick(["plain", "overlay"]),
    ownership: pick(["ignore", "record"]),
    limits: { bytes: 100_000, entries: 100, ratio: 1100 },
  };
}

async function* chunked(bytes: Uint8Array, { below }: Random): AsyncGenerator<Uint8Array> {
  for (let at = 0, step = 0; at < bytes.length; at += step) {
    step = 1 + below(3000);
    yield bytes.subarray(at, at + step);
  }
}

test(`${ROUNDS} hostile archives change nothing outside`, async () => {
  const source = random(0xdecaf);
  using canary = new Canary();
  const openBefore = readdirSync("/proc/self/fd").length;
  const count = { whole: 0, refused: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const folder = join(canary.root, String(round));
    mkdirSync(folder);
    const members = Array.from({ length: 2 + source.below(8) }, () => entryOf(source, canary.outside)).flat();
    const bytes = tar(...members);
    if (source.below(4) === 0) damage(bytes, source);
    const packed = source.pick([(plain: Uint8Array) => plain, gzipSync, zstdCompressSync])(bytes);
    using root = open(folder, O_RDONLY | O_DIRECTORY);
    const error = await extract(chunked(packed, source), root.number, optionsOf(source)).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (error !== undefined && !(error instanceof TarError)) throw error;
    count[error === undefined ? "whole" : "refused"]++;
    if (round % 100 === 0) expect(canary.changes()).toEqual([]);
  }
  expect(canary.changes()).toEqual([]);
  expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(openBefore);
  // Neither all nor none: both ways are gone.
  expect(count.whole).toBeGreaterThan(ROUNDS / 20);
  expect(count.refused).toBeGreaterThan(ROUNDS / 20);
}, 60_000);
