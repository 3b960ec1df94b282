import { describe, expect, test } from "bun:test";
import { TarReader } from "../../../rootfs-builder/tar/reader.ts";
import type { TarEntry } from "../../../rootfs-builder/tar/tar_entry.ts";
import { TarError } from "../../../rootfs-builder/tar/tar_error.ts";
import { concat, gnuLong, type Member, member, pax, seal, tar } from "../../fixtures/rootfs-builder/tar_writer.ts";

type Read = { readonly entry: TarEntry; readonly content: string };

function read(archive: Uint8Array, chunk = archive.length || 1): Read[] {
  const reader = new TarReader();
  const found: Read[] = [];
  let entry: TarEntry | undefined;
  let content = "";
  for (let at = 0; at < archive.length; at += chunk)
    for (const event of reader.push(archive.subarray(at, at + chunk))) {
      if (event.kind === "entry") [entry, content] = [event.entry, ""];
      else if (event.kind === "data") content += text(event.bytes);
      else if (entry) found.push({ entry, content });
    }
  reader.end();
  return found;
}

function only(...members: readonly Member[]): TarEntry {
  const [first, ...more] = read(tar(...members));
  expect(more).toEqual([]);
  if (!first) throw new Error("no entry");
  return first.entry;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function failure(archive: Uint8Array): TarError {
  try {
    read(archive);
  } catch (error) {
    if (error instanceof TarError) return error;
    throw error;
  }
  throw new Error("no error");
}

describe("TarReader", () => {
  test("reads a file with its content, mode and time", () => {
    const [found] = read(tar({ name: "etc/motd", content: "hello", mode: 0o4755, mtime: 1234567890 }));
    expect(found?.content).toBe("hello");
    expect(found?.entry).toMatchObject({ type: "file", size: 5, mode: 0o4755, mtime: 1234567890000000000n, offset: 0 });
    expect(text(found?.entry.name ?? new Uint8Array())).toBe("etc/motd");
  });

  test.each([1, 7, 512, 513, 4096])("gives the same in chunks of %d bytes", (chunk) => {
    const archive = tar(
      { name: "a", content: "x".repeat(1000) },
      { name: "b/", type: "5" },
      { name: "c", content: "y" },
    );
    expect(read(archive, chunk)).toEqual(read(archive));
    expect(read(archive, chunk).map(({ content }) => content.length)).toEqual([1000, 0, 1]);
  });

  test.each([
    ["1", "hardlink"],
    ["2", "symlink"],
    ["3", "character"],
    ["4", "block"],
    ["5", "directory"],
    ["6", "fifo"],
    ["7", "file"],
    ["\0", "file"],
  ] as const)("knows type %j as %s", (type, expected) => {
    expect(only({ name: "x", type, linkname: "y" }).type).toBe(expected);
  });

  test("takes a name that ends in a slash for a folder, as v7 wrote it", () => {
    expect(only({ name: "x/" }).type).toBe("directory");
  });

  test("refuses a file with content whose name ends in a slash", () => {
    expect(failure(tar({ name: "x/", content: "y" })).reason).toContain("slash");
  });

  test("joins the prefix of ustar with the name", () => {
    const archive = tar({ name: "leaf" });
    archive.set(new TextEncoder().encode("a/b"), 345);
    expect(text(read(seal(archive))[0]?.entry.name ?? new Uint8Array())).toBe("a/b/leaf");
  });

  test("does not take GNU's times in the place of the prefix for one", () => {
    const archive = tar({ name: "leaf" });
    archive.set(new TextEncoder().encode("ustar  \0"), 257);
    archive.set(new TextEncoder().encode("13371337"), 345);
    expect(text(read(seal(archive))[0]?.entry.name ?? new Uint8Array())).toBe("leaf");
  });

  test("keeps names that are no UTF-8", () => {
    const name = new Uint8Array([0x61, 0xff, 0x80]);
    expect(only({ name }).name).toEqual(name);
  });

  test("applies GNU long names and links to the next entry only", () => {
    const long = "d/".repeat(120);
    const found = read(
      tar(gnuLong("L", `${long}f`), gnuLong("K", `${long}t`), { name: "cut", type: "2" }, { name: "g" }),
    );
    expect(found.map(({ entry }) => text(entry.name))).toEqual([`${long}f`, "g"]);
    expect(found[0]?.entry).toMatchObject({ type: "symlink", linkname: new TextEncoder().encode(`${long}t`) });
  });

  test("applies pax records to the next entry only", () => {
    const records = { path: "näme", mtime: "1.5", uid: "70000", size: "3" };
    const [first, second] = read(tar(pax(records), { name: "cut", content: "abc", size: 0 }, { name: "b" }));
    expect(text(first?.entry.name ?? new Uint8Array())).toBe("näme");
    expect(first?.entry).toMatchObject({ mtime: 1500000000n, uid: 70000, size: 3 });
    expect(first?.content).toBe("abc");
    expect(second?.entry).toMatchObject({ mtime: 0n, uid: 0 });
  });

  test("applies global pax records until an empty value takes them back", () => {
    const found = read(
      tar(pax({ gid: "9" }, "g"), { name: "a" }, pax({ gid: "8" }), { name: "b" }, pax({ gid: "" }, "g"), {
        name: "c",
      }),
    );
    expect(found.map(({ entry }) => entry.gid)).toEqual([9, 8, 0]);
  });

  test("hands other pax records on as bytes", () => {
    const value = new Uint8Array([1, 0, 10, 61, 255]);
    expect(only(pax({ "SCHILY.xattr.user.x": value }), { name: "a" }).pax.get("SCHILY.xattr.user.x")).toEqual(value);
  });

  test("tells extended attributes of either form", () => {
    const value = new Uint8Array([1, 0, 10, 61, 255]);
    const { xattrs } = only(
      pax({
        "SCHILY.xattr.user.plain": value,
        "SCHILY.xattr.user.both": "x",
        "LIBARCHIVE.xattr.user.both": "eA",
        "LIBARCHIVE.xattr.user.%C3%A4%3D": "AQAKPf8=",
        comment: "none",
      }),
      { name: "a" },
    );
    expect([...xattrs]).toEqual([
      ["user.plain", value],
      ["user.both", new Uint8Array([0x78])],
      ["user.ä=", value],
    ]);
  });

  test.each([
    [{ "SCHILY.xattr.user.a": "x", "LIBARCHIVE.xattr.user.a": "eQ" }, "two values"],
    [{ "LIBARCHIVE.xattr.user.%ff": "eQ" }, "URL-encoded"],
    [{ "LIBARCHIVE.xattr.user.a": "?" }, "base64"],
    [{ "SCHILY.xattr.": "x" }, "empty"],
  ] as const)("refuses the attributes %j", (records, reason) => {
    expect(failure(tar(pax(records), { name: "a" })).reason).toContain(reason);
  });

  test("reads pax times before 1970", () => {
    expect(only(pax({ mtime: "-1.25" }), { name: "a" }).mtime).toBe(-1250000000n);
  });

  test("reads numbers in base 256", () => {
    const archive = tar({ name: "a" });
    archive.set([0x80, 0, 0, 0, 0x01, 0, 0, 0], 108);
    archive.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe], 136);
    expect(read(seal(archive))[0]?.entry).toMatchObject({ uid: 2 ** 24, mtime: -2000000000n });
  });

  test("keeps nothing of a chunk, be it a Buffer, that is used again", () => {
    const reader = new TarReader();
    const chunk = Buffer.from(tar(pax({ comment: "c" }), { name: "name", type: "2", linkname: "target" }));
    const [first] = [...reader.push(chunk)];
    chunk.fill(0);
    if (first?.kind !== "entry" || first.entry.type !== "symlink") throw new Error("no link");
    expect([first.entry.name, first.entry.linkname].map(text)).toEqual(["name", "target"]);
    expect(text(first.entry.pax.get("comment") ?? new Uint8Array())).toBe("c");
  });

  test("skips a volume label with its content", () => {
    expect(text(only({ name: "label", type: "V", content: "x" }, { name: "a" }).name)).toBe("a");
  });

  test("ignores a size on types that have no content", () => {
    expect(read(tar({ name: "d", type: "5", size: 4096 }, { name: "a" }))).toHaveLength(2);
  });

  test("ignores what follows the end of the archive", () => {
    expect(read(concat(tar({ name: "a" }), new Uint8Array(9216), new TextEncoder().encode("rest")))).toHaveLength(1);
  });

  test.each(["M", "N", "A", "Z"])("refuses type %s by name", (type) => {
    expect(failure(tar({ name: "the-entry", type })).entry).toBe("the-entry");
  });

  test("takes GNU's dumped folder for a folder, and skips its list of names", () => {
    const found = read(tar({ name: "d", type: "D", content: "Yname\0\0" }, { name: "a" }));
    expect(found.map(({ entry, content }) => [entry.type, content])).toEqual([
      ["directory", ""],
      ["file", ""],
    ]);
  });

  test("takes type X for a pax header, as Solaris wrote it", () => {
    expect(text(only(pax({ path: "long" }, "X"), { name: "x" }).name)).toBe("long");
  });

  test.each([
    ["a second pax header", [pax({ path: "a" }), pax({ path: "b" })]],
    ["a second long name header", [gnuLong("L", "a"), gnuLong("L", "b")]],
    ["a second long link header", [gnuLong("K", "a"), gnuLong("K", "b")]],
  ] as const)("refuses %s for one entry", (reason, headers) => {
    expect(failure(tar(...headers, { name: "x" })).reason).toBe(`${reason} for one entry`);
  });

  test("refuses a pax record that gives content to a type that has none", () => {
    expect(failure(tar(pax({ size: "512" }), { name: "l", type: "2", linkname: "x" })).reason).toContain("content");
  });

  test("refuses a keyword that is no UTF-8", () => {
    const content = concat(new TextEncoder().encode("8 "), new Uint8Array([0xff]), new TextEncoder().encode("=abc\n"));
    expect(failure(tar({ name: "p", type: "x", content }, { name: "a" })).reason).toContain("no UTF-8");
  });

  test("finds a wrong checksum and tells where", () => {
    const archive = concat(member({ name: "a", content: "x" }), tar({ name: "b" }));
    archive[1024] = 0x63;
    expect(failure(archive)).toMatchObject({ offset: 1024, kind: "tar" });
  });

  test("refuses a size that is negative or beyond exact numbers", () => {
    for (const first of [0xff, 0x80]) {
      const archive = tar({ name: "a" });
      archive.set([first, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 124);
      expect(failure(seal(archive)).reason).toMatch(/size is (negative|out of range)/);
    }
  });

  test.each(["5 a=b\n", "6 a=b", "06 a=b\n", "x a=b\n", "999 a=b\n", "4 =\n", "3 \n", "99999999999 a=b\n", "6\0a=b\n"])(
    "refuses the pax record %j",
    (content) => {
      expect(failure(tar({ name: "p", type: "x", content }, { name: "a" })).reason).toContain("pax record");
    },
  );

  test.each([{ size: "1e3" }, { size: "-1" }, { uid: "99999999999999999" }, { mtime: "x" }, { mtime: "1.2.3" }])(
    "refuses the pax value %j",
    (records) => {
      expect(failure(tar(pax(records as Record<string, string>), { name: "a" }))).toBeInstanceOf(TarError);
    },
  );

  test("refuses empty names and targets, and a NUL inside", () => {
    for (const members of [
      [{ name: "" }],
      [{ name: "l", type: "2" }],
      [pax({ path: "a\0b" }), { name: "a" }],
      [pax({ linkpath: "a\0b" }), { name: "a", type: "2" }],
    ])
      expect(failure(tar(...members)).reason).toContain("empty or holds a NUL");
  });

  test("refuses an extended header that is too large to hold", () => {
    expect(failure(tar({ name: "p", type: "x", size: 2 ** 20 + 1 })).reason).toContain("pax header of 1048577 bytes");
  });

  test("refuses an archive that is cut off at any byte", () => {
    const archive = tar(pax({ path: "p" }), { name: "a", content: "abc" }, { name: "b" });
    // The last block alone may be missing: one block of zeros ends an archive for GNU tar too.
    for (let length = 0; length < archive.length - 512; length += 128)
      if (length !== 2560 && !(length > 1536 && length <= 2048))
        expect(failure(archive.subarray(0, length)).reason).toMatch(/cut off|empty/);
    expect(read(archive.subarray(0, -512))).toHaveLength(2);
  });

  test("takes one that ends with a member, as a writer that was never closed leaves it", () => {
    const archive = tar(pax({ path: "p" }), { name: "a", content: "abc" }, { name: "b" });
    expect(read(archive.subarray(0, 2048))).toHaveLength(1);
    expect(read(archive.subarray(0, 1536 + 3))).toHaveLength(1);
    expect(failure(archive.subarray(0, 1536 + 2)).reason).toContain("cut off");
    expect(read(archive.subarray(0, 2560))).toHaveLength(2);
  });

  test("refuses a header after a single block of zeros", () => {
    expect(failure(concat(new Uint8Array(512), tar({ name: "a" }))).reason).toContain("one block of zeros");
  });

  test("refuses an end of archive straight after an extended header", () => {
    expect(failure(tar(pax({ path: "a" }))).reason).toContain("no entry after it");
  });
});
