import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { O_DIRECTORY, O_RDONLY, O_RDWR, open } from "../../../ffi/file.ts";
import { setxattr } from "../../../ffi/xattr.ts";
import { decodeOverrideStat, encodeOverrideStat, OVERRIDE_STAT } from "../../../rootfs-builder/tar/override_stat.ts";
import { readTree, type TreeReaderOptions } from "../../../rootfs-builder/tar/tree_reader.ts";
import { TemporaryFolder } from "../../fixtures/rootfs-builder/temporary_folder.ts";

type Told = Record<string, unknown> & { readonly name: string; readonly type: string };

function read(folder: string, options?: TreeReaderOptions): Told[] {
  using root = open(folder, O_RDONLY | O_DIRECTORY);
  const told: Told[] = [];
  for (const entry of readTree(root.number, options)) {
    const content = entry.type === "file" ? Buffer.concat([...(entry.content as Iterable<Uint8Array>)]).toString() : "";
    const linkname = "linkname" in entry ? Buffer.from(entry.linkname).toString("latin1") : "";
    told.push({ ...entry, name: Buffer.from(entry.name).toString("latin1"), content, linkname });
  }
  return told;
}

function set(path: string, name: string, value: string, flags: number = O_RDONLY): void {
  using fd = open(path, flags);
  expect(setxattr(fd.number, name, new TextEncoder().encode(value))).toBe(0);
}

describe("readTree", () => {
  test("tells folders before what is in them, names in the order of their bytes", () => {
    using folder = new TemporaryFolder();
    for (const name of ["b", "a", "a/z", "a/z/deep"]) mkdirSync(join(folder.path, name));
    for (const name of ["a.x", "a-", "a/y", "B"]) writeFileSync(join(folder.path, name), name);
    writeFileSync(Buffer.concat([Buffer.from(`${folder.path}/`), Buffer.from([0xff])]), "");
    expect(read(folder.path).map(({ name }) => name)).toEqual([
      "",
      "B",
      "a",
      "a/y",
      "a/z",
      "a/z/deep",
      "a-",
      "a.x",
      "b",
      "\xff",
    ]);
  });

  test("tells kinds, modes, times, owners, contents and targets", () => {
    using folder = new TemporaryFolder();
    const at = (name: string): string => join(folder.path, name);
    writeFileSync(at("f"), "content".repeat(400_000));
    chmodSync(at("f"), 0o4750);
    utimesSync(at("f"), 5, 5.5);
    symlinkSync("/nowhere", at("l"));
    linkSync(at("f"), at("h"));
    execFileSync("mkfifo", ["-m", "0600", at("p")]);
    const [, f, h, l, p] = read(folder.path);
    expect(f).toMatchObject({ name: "f", type: "file", mode: 0o4750, mtime: 5_500_000_000n, size: 2_800_000 });
    expect(f).toMatchObject({ uid: process.getuid?.(), gid: process.getgid?.(), content: "content".repeat(400_000) });
    expect(h).toMatchObject({ name: "h", type: "hardlink", linkname: "f" });
    expect(l).toMatchObject({ name: "l", type: "symlink", linkname: "/nowhere" });
    expect(p).toMatchObject({ name: "p", type: "fifo", mode: 0o600 });
  });

  test("does not follow a link that has taken a folder's place", () => {
    using folder = new TemporaryFolder();
    for (const name of ["t", "t/a", "outside"]) mkdirSync(join(folder.path, name));
    writeFileSync(join(folder.path, "outside/secret"), "secret");
    writeFileSync(join(folder.path, "t/a/f"), "");
    using root = open(join(folder.path, "t"), O_RDONLY | O_DIRECTORY);
    const entries = readTree(root.number);
    expect(entries.next().value?.type).toBe("directory");
    execFileSync("sh", ["-c", "rm -r a && ln -s ../outside a"], { cwd: join(folder.path, "t") });
    expect([...entries].map(({ type }) => type)).toEqual(["symlink"]);
  });

  test("names a file that has become shorter", () => {
    using folder = new TemporaryFolder();
    writeFileSync(join(folder.path, "f"), "12345");
    using root = open(folder.path, O_RDONLY | O_DIRECTORY);
    const entries = readTree(root.number);
    entries.next();
    const { value } = entries.next();
    writeFileSync(join(folder.path, "f"), "");
    if (value?.type !== "file") throw new Error("no file");
    expect(() => [...(value.content as Iterable<Uint8Array>)]).toThrow("Cannot read f: it changed");
  });

  test("walks a tree that is 700 folders deep", () => {
    using folder = new TemporaryFolder();
    mkdirSync(join(folder.path, "d/".repeat(700)), { recursive: true });
    expect(read(folder.path)).toHaveLength(701);
  });
});

describe("attributes", () => {
  test("of users are told, an overlay's own are not, escaped ones are turned back", () => {
    using folder = new TemporaryFolder();
    writeFileSync(join(folder.path, "f"), "");
    set(join(folder.path, "f"), "user.mine", "1", O_RDWR);
    set(join(folder.path, "f"), "user.overlay.origin", "2", O_RDWR);
    set(join(folder.path, "f"), "user.overlay.overlay.opaque", "3", O_RDWR);
    const text = (value: Uint8Array): string => new TextDecoder().decode(value);
    const xattrs = read(folder.path)[1]?.xattrs as Map<string, Uint8Array>;
    expect([...xattrs].map(([name, value]) => [name, text(value)])).toEqual([
      ["user.mine", "1"],
      ["user.overlay.opaque", "3"],
    ]);
  });

  test("that record an owner make it the archive's", () => {
    using folder = new TemporaryFolder();
    writeFileSync(join(folder.path, "f"), "");
    mkdirSync(join(folder.path, "d"));
    writeFileSync(join(folder.path, "null"), "");
    set(join(folder.path, "f"), OVERRIDE_STAT, "0:42:02755", O_RDWR);
    set(join(folder.path, "d"), OVERRIDE_STAT, "7:8:0700:dir");
    set(join(folder.path, "null"), OVERRIDE_STAT, "0:0:0666:char-1-3", O_RDWR);
    const [, d, f, device] = read(folder.path);
    expect(f).toMatchObject({ type: "file", uid: 0, gid: 42, mode: 0o2755, xattrs: new Map() });
    expect(d).toMatchObject({ type: "directory", uid: 7, gid: 8, mode: 0o700 });
    expect(device).toMatchObject({ type: "character", major: 1, minor: 3, mode: 0o666 });
  });

  test("of that name are read in no other form", () => {
    expect(decodeOverrideStat(encodeOverrideStat({ uid: 1, gid: 2, mode: 0o1777 }))).toEqual({
      uid: 1,
      gid: 2,
      mode: 0o1777,
    });
    for (const text of ["", "0:0", "-1:0:0", "0:0:9", "0:0:0:char-1", "99999999999:0:0", "0:0:0777\n"])
      expect(decodeOverrideStat(new TextEncoder().encode(text))).toBeUndefined();
  });
});

test("an overlay's whiteouts become those of the OCI image spec", () => {
  using folder = new TemporaryFolder();
  for (const name of ["d", "x"]) mkdirSync(join(folder.path, name));
  execFileSync("unshare", ["-Ur", "mknod", join(folder.path, "gone"), "c", "0", "0"]);
  set(join(folder.path, "d"), "user.overlay.opaque", "y");
  set(join(folder.path, "x"), "user.overlay.opaque", "x");
  writeFileSync(join(folder.path, "x/also"), "");
  set(join(folder.path, "x/also"), "user.overlay.whiteout", "", O_RDWR);
  expect(read(folder.path, { whiteouts: "overlay" }).map(({ name, type }) => `${type} ${name}`)).toEqual([
    "directory ",
    "directory d",
    "file d/.wh..wh..opq",
    "file .wh.gone",
    "directory x",
    "file x/.wh.also",
  ]);
  expect(read(folder.path).map(({ type }) => type)).toEqual([
    "directory",
    "directory",
    "character",
    "directory",
    "file",
  ]);
});
