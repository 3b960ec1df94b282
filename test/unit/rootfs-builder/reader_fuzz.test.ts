import { expect, test } from "bun:test";
import { TarReader } from "../../../rootfs-builder/tar/reader.ts";
import { TarError } from "../../../rootfs-builder/tar/tar_error.ts";
import { type Random, random } from "../../fixtures/rootfs-builder/random.ts";
import { concat, gnuLong, pax, seal, tar } from "../../fixtures/rootfs-builder/tar_writer.ts";

const ROUNDS = 12000;

/** One region in the header, 21 more in a block after it. */
function oldGnuSparse(): Uint8Array {
  const archive = tar({
    name: "s",
    type: "S",
    size: 22,
    content: concat(new Uint8Array(512), new Uint8Array(22).fill(0x78)),
  });
  const put = (at: number, value: number): void =>
    archive.set(new TextEncoder().encode(value.toString(8).padStart(11, "0")), at);
  for (let region = 0; region < 22; region++) {
    const at = region === 0 ? 386 : 512 + 24 * (region - 1);
    put(at, region * 100);
    put(at + 12, 1);
  }
  archive[482] = 1;
  put(483, 5000);
  return seal(archive);
}

const SEEDS: readonly [Uint8Array, ...Uint8Array[]] = [
  tar({ name: "a", content: "hello" }, { name: "d/", type: "5" }, { name: "d/l", type: "2", linkname: "../a" }),
  tar(
    pax({ path: "long/name", mtime: "12.5", size: "3" }),
    { name: "x", content: "abc" },
    { name: "h", type: "1", linkname: "x" },
  ),
  tar(gnuLong("L", "n".repeat(300)), { name: "n", content: "y".repeat(600) }, { name: "f", type: "6" }),
  tar(
    pax({ gid: "5" }, "g"),
    { name: "c", type: "3" },
    { name: "b", type: "4" },
    { name: "v", type: "V", content: "z" },
  ),
  tar(
    pax({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "99", "GNU.sparse.name": "s" }),
    { name: "x", content: `${"2\n5\n3\n50\n9\n".padEnd(512, "\0")}abcdefghijkl` },
    pax({ "GNU.sparse.size": "9", "GNU.sparse.map": "1,2,5,1" }),
    { name: "y", content: "abc" },
  ),
  tar(
    pax({ "SCHILY.xattr.user.a": "\0\n=", "LIBARCHIVE.xattr.user.%41": "eA==", uid: "9007199254740991" }),
    { name: "x", content: "abc" },
    { name: "d", type: "D", content: "Yx\0" },
  ),
  oldGnuSparse(),
];
const TYPES = ["0", "1", "2", "3", "5", "L", "K", "x", "g", "S", "V", "\0", "\xff"] as const;

type Mutation = (bytes: Uint8Array, random: Random) => Uint8Array;

const MUTATIONS: readonly [Mutation, ...Mutation[]] = [
  (bytes, { below }) => {
    bytes[below(bytes.length)] = below(256);
    return bytes;
  },
  (bytes, { below }) => bytes.slice(0, 1 + below(bytes.length)),
  (bytes, { below }) => concat(bytes.subarray(0, below(bytes.length)), bytes.subarray(below(bytes.length))),
  (bytes, { below, pick }) => {
    bytes[512 * below(Math.ceil(bytes.length / 512)) + 156] = pick(TYPES).charCodeAt(0);
    return bytes;
  },
  (bytes, { below }) => {
    for (let at = 0; at < 12; at++) bytes[512 * below(Math.ceil(bytes.length / 512)) + 124 + at] = below(256);
    return bytes;
  },
];

/** Most damage would stop at the checksum; made right again, it goes deeper. */
function mutate(random: Random): Uint8Array {
  let bytes: Uint8Array = random.pick(SEEDS).slice();
  for (let count = 1 + random.below(4); count > 0; count--) bytes = random.pick(MUTATIONS)(bytes, random);
  for (let at = 0; at + 512 <= bytes.length; at += 512)
    if (bytes[at + 257] === 0x75 && random.below(4) > 0) seal(bytes, at);
  return bytes;
}

/** Bytes of content told; throws what the reader throws. */
function readInChunks(bytes: Uint8Array, { below }: Random): number {
  const reader = new TarReader();
  let told = 0;
  for (let at = 0, step = 0; at < bytes.length; at += step) {
    step = 1 + below(2000);
    for (const event of reader.push(bytes.subarray(at, at + step)))
      if (event.kind === "data") told += event.bytes.length;
  }
  reader.end();
  return told;
}

test(`${ROUNDS} damaged archives are read or refused with a TarError, and tell no more content than they hold`, () => {
  const source = random(0x7a12);
  let accepted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const bytes = mutate(source);
    try {
      expect(readInChunks(bytes, source)).toBeLessThanOrEqual(bytes.length);
      accepted++;
    } catch (error) {
      if (!(error instanceof TarError)) throw error;
      expect(error.offset).toBeLessThanOrEqual(bytes.length);
    }
  }
  expect(accepted).toBeGreaterThan(ROUNDS / 50);
  expect(accepted).toBeLessThan(ROUNDS);
});
