import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { TarReader } from "../../../rootfs-builder/tar/reader.ts";
import { TarError } from "../../../rootfs-builder/tar/tar_error.ts";
import { concat, type Member, pax, seal, tar } from "../../fixtures/rootfs-builder/tar_writer.ts";
import { TemporaryFolder } from "../../fixtures/rootfs-builder/temporary_folder.ts";

type Piece = { readonly position: number; readonly bytes: Uint8Array };
type Read = { readonly name: string; readonly size: number; readonly pieces: readonly Piece[] };

function read(archive: Uint8Array, chunk = archive.length): Read[] {
  const reader = new TarReader();
  const found: (Read & { readonly pieces: Piece[] })[] = [];
  for (let at = 0; at < archive.length; at += chunk)
    for (const event of reader.push(archive.subarray(at, at + chunk))) {
      if (event.kind === "entry" && event.entry.type === "file")
        found.push({ name: new TextDecoder().decode(event.entry.name), size: event.entry.size, pieces: [] });
      else if (event.kind === "data") found.at(-1)?.pieces.push({ ...event, bytes: event.bytes.slice() });
    }
  reader.end();
  return found;
}

function filled({ size, pieces }: Read): Uint8Array {
  const whole = new Uint8Array(size);
  for (const { position, bytes } of pieces) whole.set(bytes, position);
  return whole;
}

function failure(...members: readonly Member[]): string {
  try {
    read(tar(...members));
  } catch (error) {
    if (error instanceof TarError) return error.reason;
    throw error;
  }
  throw new Error("no error");
}

/** 60 regions, more than the header and two blocks of the old form hold. */
function makeSparse(path: string): Uint8Array {
  const fd = openSync(path, "w");
  ftruncateSync(fd, 5_000_000);
  for (let at = 0; at < 60; at++) writeSync(fd, `region ${at}`, at * 65536 + 4096);
  closeSync(fd);
  return readFileSync(path);
}

const FORMS = [
  ["gnu", ""],
  ["posix", "0.0"],
  ["posix", "0.1"],
  ["posix", "1.0"],
] as const;

describe.each(FORMS)("a sparse file of GNU tar, format %s %s", (format, version) => {
  test.each([1, 511, 4096, 1e7])("reads as it was, in chunks of %d bytes", (chunk) => {
    using folder = new TemporaryFolder();
    const content = makeSparse(join(folder.path, "sparse"));
    const flags = ["--sparse", `--format=${format}`, ...(version ? [`--sparse-version=${version}`] : [])];
    const archive = execFileSync("tar", ["-cf", "-", ...flags, "-C", folder.path, "sparse", "sparse"], {
      maxBuffer: 1e8,
    });
    expect(archive.length).toBeLessThan(1_000_000);
    const [first, ...others] = read(archive, chunk);
    if (!first) throw new Error("no entry");
    expect(first).toMatchObject({ name: "sparse", size: content.length });
    expect(Buffer.compare(filled(first), content)).toBe(0);
    // Named twice, GNU tar stores the second as a hard link.
    expect(others).toEqual([]);
    expect(first.pieces.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(1_000_000);
  });
});

function oldGnu(regions: readonly (readonly [number, number])[], size: number, content: string): Uint8Array {
  const archive = tar({ name: "s", type: "S", content });
  const put = (at: number, value: number): void =>
    archive.set(new TextEncoder().encode(value.toString(8).padStart(11, "0")), at);
  regions.forEach(([position, length], index) => {
    put(386 + 24 * index, position);
    put(386 + 24 * index + 12, length);
  });
  put(483, size);
  return seal(archive);
}

function reasonOf(archive: Uint8Array): string {
  try {
    read(archive);
  } catch (error) {
    if (error instanceof TarError) return error.reason;
    throw error;
  }
  throw new Error("no error");
}

describe("a sparse map", () => {
  test("of the old form in the header alone", () => {
    const [found] = read(
      oldGnu(
        [
          [2, 2],
          [7, 1],
          [10, 0],
        ],
        10,
        "abc",
      ),
    );
    expect(new TextDecoder().decode(found && filled(found))).toBe("\0\0ab\0\0\0c\0\0");
  });

  test("of a file that is one hole", () => {
    for (const records of [
      { "GNU.sparse.map": "", "GNU.sparse.size": "9" },
      { "GNU.sparse.map": "9,0", "GNU.sparse.size": "9" },
    ])
      expect(read(tar(pax(records), { name: "s" }, { name: "t", content: "x" }))).toMatchObject([
        { name: "s", size: 9, pieces: [] },
        { name: "t", size: 1 },
      ]);
  });

  test.each([
    [
      "out of order",
      [
        [4, 2],
        [1, 1],
      ],
      10,
      "abc",
      "out of order",
    ],
    [
      "overlapping",
      [
        [1, 2],
        [2, 1],
      ],
      10,
      "abc",
      "out of order",
    ],
    ["beyond the end", [[8, 3]], 10, "abc", "beyond its end"],
    ["shorter than what is stored", [[1, 2]], 10, "abc", "does not fit"],
    ["longer than what is stored", [[1, 4]], 10, "abc", "does not fit"],
  ] as const)("that is %s is refused", (_, regions, size, content, reason) => {
    expect(reasonOf(oldGnu(regions, size, content))).toContain(reason);
  });

  const content = (map: string): string => map.padEnd(512, "\0");
  const one = { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" };
  test.each([
    ["an odd list", [pax({ "GNU.sparse.map": "1,2,3", "GNU.sparse.size": "9" }), { name: "s" }], "odd count"],
    ["a list that is none", [pax({ "GNU.sparse.map": "1,x", "GNU.sparse.size": "9" }), { name: "s" }], "out of range"],
    ["no size", [pax({ "GNU.sparse.map": "1,1" }), { name: "s" }], "without its size"],
    ["another version", [pax({ ...one, "GNU.sparse.major": "2" }), { name: "s" }], "version 2.0"],
    ["no map where one must be", [pax(one), { name: "s" }], "cut off"],
    ["lines that are no numbers", [pax(one), { name: "s", content: content("1\n0\nx\n") }], "out of range"],
    ["a line without an end", [pax(one), { name: "s", content: "1".repeat(512) }], "no number"],
    ["a count beyond reason", [pax(one), { name: "s", content: content("9999999\n") }], "too long"],
    [
      "a map on a folder",
      [
        pax({ ...one, "GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "" }),
        { name: "d", type: "5" },
      ],
      "no file",
    ],
    ["a global map", [pax({ "GNU.sparse.map": "1,1" }, "g"), { name: "s" }], "global pax record"],
    ["two maps", [pax({ "GNU.sparse.map": "", "GNU.sparse.size": "0" }), { name: "s", type: "S" }], "two maps"],
    ["star's size", [pax({ "SCHILY.realsize": "9" }), { name: "s" }], "star"],
  ] as const)("with %s is refused", (_, members, reason) => {
    expect(failure(...members)).toMatch(new RegExp(reason));
  });

  test("of form 1.0 over several blocks", () => {
    const lines = ["100", ...Array.from({ length: 100 }, (_, at) => `${at * 1000}\n1`)].join("\n");
    const map = `${lines}\n`;
    const padded = map.padEnd(Math.ceil(map.length / 512) * 512, "\0");
    const records = { ...one, "GNU.sparse.realsize": "100000", "GNU.sparse.name": "real" };
    const [found] = read(tar(pax(records), { name: "GNUSparseFile.1/real", content: padded + "x".repeat(100) }), 333);
    expect(found?.name).toBe("real");
    expect(found && filled(found).reduce((sum, byte) => sum + byte, 0)).toBe(100 * 0x78);
    expect(concat(...(found?.pieces ?? []).map(({ bytes }) => bytes)).length).toBe(100);
  });
});
