import { describe, expect, test } from "bun:test";
import { pathBytes } from "../../../rootfs-builder/tar/member_path.ts";
import { TarReader } from "../../../rootfs-builder/tar/reader.ts";
import type { TarEntry } from "../../../rootfs-builder/tar/tar_entry.ts";
import { type WriterEntry, type WriterOptions, writeTar } from "../../../rootfs-builder/tar/writer.ts";
import { type Random, random } from "../../fixtures/rootfs-builder/random.ts";
import { concat } from "../../fixtures/rootfs-builder/tar_writer.ts";

const ROUNDS = 1500;
const NONE = { mode: 0o644, uid: 0, gid: 0, mtime: 0n, xattrs: new Map<string, Uint8Array>() } as const;

async function archiveOf(entries: readonly WriterEntry[], options?: WriterOptions): Promise<Uint8Array> {
  return concat(...(await Array.fromAsync(writeTar(entries, options))));
}

function read(archive: Uint8Array): { entry: TarEntry; content: Uint8Array }[] {
  const reader = new TarReader();
  const found: { entry: TarEntry; content: Uint8Array }[] = [];
  for (const event of reader.push(archive)) {
    if (event.kind === "entry") found.push({ entry: event.entry, content: new Uint8Array() });
    const last = found.at(-1);
    if (event.kind === "data" && last) last.content = concat(last.content, event.bytes);
  }
  reader.end();
  return found;
}

function file(name: string, content = "", more: Partial<typeof NONE> | Record<string, unknown> = {}): WriterEntry {
  const bytes = new TextEncoder().encode(content);
  return { type: "file", size: bytes.length, content: [bytes], name: pathBytes(name), ...NONE, ...more };
}

function randomName({ below, pick }: Random): Uint8Array {
  const component = (): string =>
    String.fromCharCode(
      ...Array.from({ length: 1 + below(pick([3, 60, 110, 255])) }, () => pick([97, 46, 32, 255, 195])),
    );
  return pathBytes(`n${Array.from({ length: 1 + below(4) }, component).join("/n")}`);
}

function randomEntry(source: Random): WriterEntry {
  const { below, pick } = source;
  const number = (): number => pick([0, 1000, 0o7777777, 0o10000000, 2 ** 31, 2 ** 53 - 1]);
  const names = ["user.a", "security.capability", "user.ünder", "trusted.x"];
  const common = {
    name: randomName(source),
    mode: below(0o10000),
    uid: number(),
    gid: number(),
    mtime: pick([0n, -1n, 1_700_000_000_123_456_789n, -5_000_000_000n, 2n ** 65n / 1000n, 1_500_000_000n]),
    xattrs: new Map(names.slice(below(5)).map((name) => [name, pathBytes("\0=\n".repeat(below(30)))])),
  };
  const type = pick<WriterEntry["type"]>([
    "file",
    "file",
    "directory",
    "symlink",
    "hardlink",
    "fifo",
    "character",
    "block",
  ]);
  switch (type) {
    case "file": {
      const content = Array.from({ length: below(4) }, () => new Uint8Array(below(700)).fill(below(256)));
      return { type, size: concat(...content).length, content, ...common };
    }
    case "symlink":
    case "hardlink":
      return { type, linkname: randomName(source), ...common };
    case "character":
    case "block":
      return { type, major: below(4096), minor: below(1 << 20), ...common };
    default:
      return { type, ...common };
  }
}

/** What a reader must tell of it. */
function expected(entry: WriterEntry): object {
  const { content: _, ...rest } = { content: undefined, ...entry };
  return { ...rest, name: entry.type === "directory" ? concat(entry.name, pathBytes("/")) : entry.name };
}

test(`${ROUNDS} random archives are read back as they were written`, async () => {
  const source = random(0x3a17e);
  for (let round = 0; round < ROUNDS; round++) {
    const entries = Array.from({ length: 1 + source.below(5) }, () => randomEntry(source));
    const found = read(await archiveOf(entries));
    expect(found.length).toBe(entries.length);
    for (const [at, entry] of entries.entries()) {
      expect(found[at]?.entry as unknown).toMatchObject(expected(entry));
      expect(found[at]?.entry.xattrs).toEqual(entry.xattrs);
      if (entry.type === "file")
        expect(found[at]?.content).toEqual(concat(...(entry.content as readonly Uint8Array[])));
    }
  }
});

describe("writeTar", () => {
  const typeflags = (archive: Uint8Array): string => {
    let flags = "";
    for (let at = 0; at < archive.length; at += 512)
      if (archive[at + 257] === 0x75) flags += String.fromCharCode(archive[at + 156] ?? 0);
    return flags;
  };

  test("writes a bare ustar header where all fits", async () => {
    expect(typeflags(await archiveOf([file("a", "x"), file(`${"p".repeat(155)}/${"n".repeat(100)}`)]))).toBe("00");
  });

  test.each([
    ["a long name", file("n".repeat(101))],
    ["a name that no slash splits", file(`${"p".repeat(156)}/n`)],
    ["a fraction of a second", file("a", "", { mtime: 1n })],
    ["a time before 1970", file("a", "", { mtime: -1_000_000_000n })],
    ["a large id", file("a", "", { uid: 0o10000000 })],
    ["an attribute", file("a", "", { xattrs: new Map([["user.a", new Uint8Array()]]) })],
  ])("writes pax records for %s", async (_, entry) => {
    expect(typeflags(await archiveOf([entry]))).toBe("x0");
  });

  test("says how names are encoded only where they are no UTF-8", async () => {
    const [first, second] = read(await archiveOf([file(`\xff${"n".repeat(300)}`), file("n".repeat(300))]));
    expect([...(first?.entry.pax.keys() ?? [])]).toEqual(["hdrcharset", "path"]);
    expect([...(second?.entry.pax.keys() ?? [])]).toEqual(["path"]);
  });

  test("gives the same bytes for the same entries, attributes in any order", async () => {
    const attributes = (...names: string[]): object => ({
      xattrs: new Map(names.map((name) => [name, new Uint8Array()])),
    });
    const one = await archiveOf([file("a", "x", attributes("user.a", "user.b"))]);
    expect(Buffer.compare(one, await archiveOf([file("a", "x", attributes("user.b", "user.a"))]))).toBe(0);
  });

  test("fixes and clamps times", async () => {
    const entries = [file("a", "", { mtime: 1_000_000_000n }), file("b", "", { mtime: 9_000_000_000n })];
    const times = async (options: WriterOptions): Promise<bigint[]> =>
      read(await archiveOf(entries, options)).map(({ entry }) => entry.mtime);
    expect(await times({ mtime: { kind: "fix", time: 5_000_000_000n } })).toEqual([5_000_000_000n, 5_000_000_000n]);
    expect(await times({ mtime: { kind: "clamp", time: 5_000_000_000n } })).toEqual([1_000_000_000n, 5_000_000_000n]);
  });

  test("names the root ./", async () => {
    const root: WriterEntry = { type: "directory", ...NONE, name: new Uint8Array() };
    expect(new TextDecoder().decode(read(await archiveOf([root]))[0]?.entry.name)).toBe("./");
  });

  test.each([
    ["content that is shorter than its size", { ...file("a", "xy"), size: 3 }, "not the 3 bytes"],
    ["content that is longer than its size", { ...file("a", "xy"), size: 1 }, "not the 1 bytes"],
    ["an empty name", file(""), "empty"],
    ["a NUL in a name", file("a\0b"), "NUL"],
    [
      "an attribute with = in its name",
      file("a", "", { xattrs: new Map([["user.a=b", new Uint8Array()]]) }),
      "cannot hold",
    ],
  ] as const)("refuses %s", async (_, entry, reason) => {
    await expect(archiveOf([entry as WriterEntry])).rejects.toThrow(reason);
  });
});
