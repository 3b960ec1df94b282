import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { O_DIRECTORY, O_RDONLY, open } from "../../../ffi/file.ts";
import { type Extraction, type ExtractLimits, extract } from "../../../rootfs-builder/tar/extract.ts";
import { TarError } from "../../../rootfs-builder/tar/tar_error.ts";
import { minirootfs, whySkipped } from "../../fixtures/rootfs-builder/minirootfs.ts";
import { type Random, random } from "../../fixtures/rootfs-builder/random.ts";
import { gnuLong, type Member, pax, tar } from "../../fixtures/rootfs-builder/tar_writer.ts";
import { TemporaryFolder } from "../../fixtures/rootfs-builder/temporary_folder.ts";
import { listing, tree } from "../../fixtures/rootfs-builder/tree.ts";

async function* stream(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

async function unpack(bytes: Uint8Array, folder: string, limits?: ExtractLimits): Promise<Extraction> {
  using root = open(folder, O_RDONLY | O_DIRECTORY);
  return await extract(stream(bytes), root.number, { limits });
}

/** `outside` is beside the root, with a file that nobody may touch. */
class Scene extends TemporaryFolder {
  readonly root: string = join(this.path, "root");
  readonly outside: string = join(this.path, "outside");
  readonly #before: unknown;

  constructor() {
    super();
    mkdirSync(this.root);
    mkdirSync(this.outside);
    writeFileSync(join(this.outside, "secret"), "untouched");
    this.#before = tree(this.outside);
  }

  async unpack(...members: readonly Member[]): Promise<Extraction> {
    return await unpack(tar(...members), this.root);
  }

  async refusal(...members: readonly Member[]): Promise<string> {
    const error = await this.unpack(...members).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(error instanceof TarError)) throw error ?? new Error("it was not refused");
    return error.message;
  }

  /** Nothing beside the root has appeared or changed. */
  expectUntouched(): void {
    expect(readdirSync(this.path).sort()).toEqual(["outside", "root"]);
    expect(tree(this.outside)).toEqual(this.#before as never);
  }
}

describe("extract keeps hostile archives inside the root", () => {
  test("an absolute name lands below the root", async () => {
    using scene = new Scene();
    await scene.unpack({ name: `${scene.outside}/secret`, content: "pwned" });
    expect(listing(scene.root)[`${scene.outside.slice(1)}/secret`]).toBe("pwned");
    scene.expectUntouched();
  });

  test.each(["../outside/secret", "a/../../outside/secret", "..", "a/.."])("the name %s is refused", async (name) => {
    using scene = new Scene();
    expect(await scene.refusal({ name, content: "pwned" })).toContain("'..'");
    scene.expectUntouched();
  });

  test("a write through a link to an absolute path stays inside", async () => {
    using scene = new Scene();
    const planted = { name: "link", type: "2", linkname: scene.outside };
    expect(await scene.refusal(planted, { name: "link/secret", content: "pwned" })).toContain("leads nowhere");
    scene.expectUntouched();
  });

  test("a write through a link to .. stays inside", async () => {
    using scene = new Scene();
    const planted = { name: "link", type: "2", linkname: "../../../../../.." };
    await scene.unpack(planted, { name: `link${scene.outside}/secret`, content: "pwned" });
    expect(listing(scene.root)[`${scene.outside.slice(1)}/secret`]).toBe("pwned");
    scene.expectUntouched();
  });

  test("a chain of links leads no further", async () => {
    using scene = new Scene();
    await scene.unpack(
      { name: "a/b/", type: "5" },
      { name: "a/b/up", type: "2", linkname: "../.." },
      { name: "a/b/upper", type: "2", linkname: "up/../.." },
      { name: "outside/", type: "5" },
      { name: "a/b/upper/outside/secret", content: "pwned" },
    );
    expect(listing(scene.root)["outside/secret"]).toBe("pwned");
    scene.expectUntouched();
  });

  test("a file over a link replaces the link and not what it leads to", async () => {
    using scene = new Scene();
    await scene.unpack(
      { name: "f", type: "2", linkname: `${scene.outside}/secret` },
      { name: "f", content: "mine", mode: 0o777 },
    );
    expect(listing(scene.root)).toEqual({ f: "mine" });
    scene.expectUntouched();
  });

  test("a folder over a link replaces the link", async () => {
    using scene = new Scene();
    await scene.unpack(
      { name: "d", type: "2", linkname: scene.outside },
      { name: "d/", type: "5", mode: 0o777 },
      { name: "d/secret", content: "mine" },
    );
    expect(listing(scene.root)).toEqual({ d: "<directory>", "d/secret": "mine" });
    scene.expectUntouched();
  });

  test("a folder swapped for a link once it was written to is not followed out", async () => {
    using scene = new Scene();
    const members: Member[] = [
      { name: "d/", type: "5", mode: 0o700 },
      { name: "d", type: "2", linkname: scene.outside },
      { name: "d/secret", content: "pwned" },
    ];
    expect(await scene.refusal(...members)).toContain("leads nowhere");
    scene.expectUntouched();
  });

  test("modes set at the end are not set through a link", async () => {
    using scene = new Scene();
    await scene.unpack(
      { name: "d/", type: "5", mode: 0o777, mtime: 1 },
      { name: "d", type: "2", linkname: scene.outside },
    );
    scene.expectUntouched();
  });

  test.each(["../outside/secret", "x/../../outside/secret"])("a hard link to %s is refused", async (linkname) => {
    using scene = new Scene();
    expect(await scene.refusal({ name: "h", type: "1", linkname })).toContain("'..'");
    scene.expectUntouched();
  });

  test("a hard link to an absolute path looks for it inside", async () => {
    using scene = new Scene();
    const linkname = `${scene.outside}/secret`;
    expect(await scene.refusal({ name: "h", type: "1", linkname })).toContain("target is not there");
    scene.expectUntouched();
  });

  test("a hard link through a planted link finds nothing outside", async () => {
    using scene = new Scene();
    const planted = { name: "l", type: "2", linkname: scene.outside };
    expect(await scene.refusal(planted, { name: "h", type: "1", linkname: "l/secret" })).toContain("not there");
    scene.expectUntouched();
  });

  test("a hard link to a link links the link, and a file over it leaves the target alone", async () => {
    using scene = new Scene();
    await scene.unpack(
      { name: "l", type: "2", linkname: `${scene.outside}/secret` },
      { name: "h", type: "1", linkname: "l" },
      { name: "h", content: "mine" },
    );
    expect(listing(scene.root)).toEqual({ h: "mine", l: `-> ${scene.outside}/secret` });
    scene.expectUntouched();
  });

  test("no arrangement of links, folders and files changes anything outside", async () => {
    const source = random(0x5afe);
    using scene = new Scene();
    let whole = 0;
    for (let round = 0; round < 300; round++) {
      const folder = join(scene.root, String(round));
      mkdirSync(folder);
      const members = Array.from({ length: 2 + source.below(6) }, () => hostileMember(source, scene.outside));
      const error = await unpack(tar(...members), folder).catch((error: unknown) => error);
      if (error instanceof Error && !(error instanceof TarError)) throw error;
      if (!(error instanceof Error)) whole++;
    }
    scene.expectUntouched();
    expect(whole).toBeGreaterThan(5);
  });
});

function hostileMember({ pick }: Random, outside: string): Member {
  const name = pick(["a", "b", "a/b", "b/a", "a/secret", "b/secret", "a/b/c", "/a", "./b/", "c/b/a"]);
  const linkname = pick([
    ".",
    "..",
    "../..",
    "/",
    outside,
    "../../outside",
    "a",
    "b",
    "../b",
    "/a",
    `${outside}/secret`,
  ]);
  return {
    name,
    type: pick(["0", "0", "1", "2", "2", "5", "5", "6"]),
    linkname,
    mode: pick([0o777, 0o4755, 0o500, 0]),
  };
}

describe("extract replaces as GNU tar does", () => {
  const cases: Readonly<Record<string, readonly Member[]>> = {
    "the last of two files": [
      { name: "a", content: "1" },
      { name: "a", content: "2", mode: 0o600 },
    ],
    "a file over an empty folder": [
      { name: "a/", type: "5" },
      { name: "a", content: "1" },
    ],
    "a folder over a file": [
      { name: "a", content: "1" },
      { name: "a/", type: "5" },
      { name: "a/b", content: "2" },
    ],
    "a folder over a link to a file": [
      { name: "f", content: "1" },
      { name: "a", type: "2", linkname: "f" },
      { name: "a/", type: "5", mode: 0o711 },
    ],
    "a link over a file": [
      { name: "a", content: "1" },
      { name: "a", type: "2", linkname: "b" },
    ],
    "a link over an empty folder": [
      { name: "a/", type: "5" },
      { name: "a", type: "2", linkname: "b" },
    ],
    "a link over a link": [
      { name: "a", type: "2", linkname: "x" },
      { name: "a", type: "2", linkname: "y" },
    ],
    "a folder named twice": [
      { name: "a/", type: "5", mode: 0o700, mtime: 5 },
      { name: "a/b", content: "1" },
      { name: "a/", type: "5", mode: 0o755, mtime: 9 },
    ],
    "a folder without write permission that is filled later": [
      { name: "a/", type: "5", mode: 0o555, mtime: 5 },
      { name: "a/b/", type: "5", mode: 0o500, mtime: 6 },
      { name: "a/b/c", content: "1", mtime: 7 },
    ],
    "a hard link over a file": [
      { name: "a", content: "1" },
      { name: "b", content: "2" },
      { name: "b", type: "1", linkname: "a" },
    ],
    "a hard link to itself": [
      { name: "a", content: "1" },
      { name: "a", type: "1", linkname: "a" },
    ],
    "a file over one of two hard links": [
      { name: "a", content: "1" },
      { name: "b", type: "1", linkname: "./a" },
      { name: "a", content: "2" },
    ],
    "a fifo over a file": [
      { name: "a", content: "1" },
      { name: "a", type: "6", mode: 0o622 },
    ],
    "setuid, setgid and sticky": [
      { name: "a", content: "1", mode: 0o6755 },
      { name: "b/", type: "5", mode: 0o1777 },
      { name: "c/", type: "5", mode: 0o2775 },
    ],
    "names of 255 bytes and deep ones": [
      gnuLong("L", "n".repeat(255)),
      { name: "n", content: "1" },
      pax({ path: `${"d/".repeat(200)}f` }),
      { name: "d", content: "2" },
    ],
    "a time with nanoseconds": [pax({ mtime: "1234567890.123456789" }), { name: "a", content: "1" }],
    "names spelled in many ways": [
      { name: "a/b/c", content: "1" },
      { name: "./a/b/d", content: "2" },
      { name: "./a/b/./e/", type: "5", mode: 0o711 },
      { name: "./a/b/./e2//", type: "5", mode: 0o711 },
      { name: "a//b/f", content: "3" },
      { name: "a//b/.f", content: "4" },
      { name: "/a/b/g", content: "5" },
      { name: "h", content: "6" },
      { name: "a/b/g", content: "7" },
      { name: "a/b/x/y", content: "8" },
      { name: "a/b/z", content: "9" },
    ],
    "a name that is no UTF-8": [{ name: new Uint8Array([0x61, 0xff]), content: "1" }],
  };

  test.each(Object.keys(cases))("%s", async (name) => {
    using scene = new Scene();
    const archive = tar(...(cases[name] ?? []));
    const gnu = join(scene.path, "gnu");
    mkdirSync(gnu);
    await unpack(archive, scene.root);
    execFileSync("tar", ["-xpf", "-", "-C", gnu, "--no-same-owner"], { input: archive });
    expect(comparable(scene.root)).toEqual(comparable(gnu));
  });

  test("a file over a folder that is not empty is refused", async () => {
    using scene = new Scene();
    expect(await scene.refusal({ name: "a/b", content: "1" }, { name: "a", content: "2" })).toContain("not empty");
  });

  test("an entry below a file is refused", async () => {
    using scene = new Scene();
    expect(await scene.refusal({ name: "a", content: "1" }, { name: "a/b" })).toContain("not a folder");
  });
});

/** All but the times of folders that no entry names, the root among them: those are of the moment. */
function comparable(root: string): unknown[] {
  const named = (mtime: bigint): bigint | string => (mtime > 1_700_000_000_000_000_000n ? "now" : mtime);
  return tree(root)
    .filter(({ name }) => name !== "")
    .map((node) => ({ ...node, mtime: named(node.mtime) }));
}

describe("extract", () => {
  test("sets modes exactly whatever the umask", async () => {
    using scene = new Scene();
    const umask = process.umask(0o077);
    try {
      await scene.unpack(
        { name: "f", mode: 0o666 },
        { name: "d/", type: "5", mode: 0o777 },
        { name: "p", type: "6", mode: 0o666 },
      );
    } finally {
      process.umask(umask);
    }
    expect(tree(scene.root).map(({ name, mode }) => `${name} ${mode}`)).toEqual([" 755", "d 777", "f 666", "p 666"]);
  });

  test("gives the root the mode and time of its entry", async () => {
    using scene = new Scene();
    await scene.unpack({ name: "./", type: "5", mode: 0o711, mtime: 77 }, { name: "./a", content: "1" });
    expect(tree(scene.root)[0]).toMatchObject({ mode: "711", mtime: 77_000_000_000n });
  });

  test("does not take the folder of a name that ends in a dot for the one before it", async () => {
    using scene = new Scene();
    await scene.unpack({ name: "a/b/.", type: "5" }, { name: "a/b/c", content: "1" }, { name: "a/d", content: "2" });
    expect(listing(scene.root)).toEqual({ a: "<directory>", "a/b": "<directory>", "a/b/c": "1", "a/d": "2" });
  });

  test("refuses a root that is no folder", async () => {
    using scene = new Scene();
    expect(await scene.refusal({ name: "./", type: "2", linkname: "x" })).toContain("only a folder can be the root");
  });

  test("keeps its way when links lead through folders that lose their permissions", async () => {
    using scene = new Scene();
    await scene.unpack(
      { name: "deep/er/still/", type: "5", mode: 0 },
      { name: "deep/er/still/l", type: "2", linkname: "/a" },
      { name: "a/", type: "5", mode: 0o500 },
      { name: "deep/er/still/l/b/", type: "5", mode: 0o500, mtime: 3 },
    );
    expect(lstatSync(join(scene.root, "a/b")).mode & 0o7777).toBe(0o500);
    expect(lstatSync(join(scene.root, "a/b")).mtimeMs).toBe(3000);
    expect(lstatSync(join(scene.root, "deep/er/still")).mode & 0o7777).toBe(0);
  });

  test("tells of devices and makes none", async () => {
    using scene = new Scene();
    const { devices } = await scene.unpack({ name: "dev/null", type: "3" }, { name: "dev/sda", type: "4" });
    expect(devices.map(({ type }) => type)).toEqual(["character", "block"]);
    expect(listing(scene.root)).toEqual({});
  });

  test("ends at the limit of entries and of bytes", async () => {
    using scene = new Scene();
    const archive = tar(...Array.from({ length: 20 }, (_, at) => ({ name: `f${at}`, content: "x" })));
    const limits = { bytes: archive.length, entries: 20 };
    expect((await unpack(archive, scene.root, limits)).entries).toBe(20);
    await expect(unpack(archive, scene.root, { ...limits, entries: 19 })).rejects.toThrow("limit of 19 entries");
    const bomb = gzipSync(tar({ name: "zeros", content: new Uint8Array(5_000_000) }));
    await expect(unpack(bomb, scene.root, { bytes: 100_000, entries: 9 })).rejects.toThrow("limit of 100000 bytes");
  });

  test("refuses names longer than the system takes", async () => {
    using scene = new Scene();
    const name = (path: string): Member[] => [pax({ path }), { name: "x" }];
    expect(await scene.refusal(...name("n".repeat(256)))).toContain("longer than this file system takes");
    expect(await scene.refusal(...name("d/".repeat(3000)))).toContain("longer than 4095 bytes");
  });

  test.skipIf(!minirootfs)(`makes of Alpine's minirootfs what GNU tar makes of it${whySkipped}`, async () => {
    using scene = new Scene();
    const gnu = join(scene.path, "gnu");
    mkdirSync(gnu);
    await unpack(await Bun.file(minirootfs ?? "").bytes(), scene.root);
    execFileSync("tar", ["-xpzf", minirootfs ?? "", "-C", gnu, "--no-same-owner"]);
    expect(tree(scene.root)).toEqual(tree(gnu));
    expect(tree(scene.root).length).toBeGreaterThan(500);
  });

  test("leaves the folder to the caller when it fails", async () => {
    using scene = new Scene();
    chmodSync(scene.root, 0o755);
    await scene.refusal({ name: "a", content: "1" }, { name: "../b" });
    expect(listing(scene.root)).toEqual({ a: "1" });
    expect(statSync(scene.root).isDirectory()).toBe(true);
  });
});
