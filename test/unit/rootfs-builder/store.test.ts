import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { O_DIRECTORY, O_RDONLY, open, stat } from "../../../ffi/file.ts";
import { cbytes, makeDirectory } from "../../../ffi/path_at.ts";
import { type Digest, digestName, findDigest, findRootfs, indexPath } from "../../../rootfs-builder/store/layout.ts";
import { performJob } from "../../../rootfs-builder/store/perform_job.ts";
import { removeTree } from "../../../rootfs-builder/store/remove_tree.ts";
import { addIndex, addRootfs, type Workplace } from "../../../rootfs-builder/store/store.ts";
import { TemporaryFolder } from "../../fixtures/rootfs-builder/temporary_folder.ts";
import { listing } from "../../fixtures/rootfs-builder/tree.ts";

const DIGEST = digestName("sha256", "ab".repeat(32));
const OTHER = digestName("sha256", "cd".repeat(32));
const ignore = (): void => {};

/** The path of the tree; nobody keeps it in use. */
async function add(
  store: string,
  digest: Digest,
  make: (place: Workplace) => Promise<void>,
  waiting: () => void,
): Promise<string> {
  const { path, lock } = await addRootfs(digest, { store, run: performJob, waiting }, make);
  lock.close();
  return path;
}

function find(store: string, digest: Digest): string | undefined {
  const found = findRootfs(store, digest);
  found?.lock.close();
  return found?.path;
}

function fixture(name: string, ...args: readonly string[]): Bun.Subprocess<"ignore", "pipe", "inherit"> {
  const script = join(import.meta.dir, "../../fixtures/rootfs-builder", name);
  return Bun.spawn([process.execPath, script, ...args], { stdout: "pipe", stderr: "inherit" });
}

function makeFile({ root }: { readonly root: number }): Promise<void> {
  makeDirectory(root, new TextEncoder().encode("made"), 0o755);
  return Promise.resolve();
}

describe("addRootfs", () => {
  test("makes a tree once and then finds it", async () => {
    using folder = new TemporaryFolder();
    const store = join(folder.path, "not/there/yet");
    let made = 0;
    const make = async (place: { readonly root: number }): Promise<void> => {
      made++;
      await makeFile(place);
    };
    expect(find(store, DIGEST)).toBeUndefined();
    const path = await add(store, DIGEST, make, ignore);
    expect(await add(store, DIGEST, make, ignore)).toBe(path);
    expect(find(store, DIGEST)).toBe(path);
    expect(listing(path)).toEqual({ made: "<directory>" });
    expect(made).toBe(1);
  });

  test("keeps everything from other users", async () => {
    using folder = new TemporaryFolder();
    const store = join(folder.path, "store");
    await add(store, DIGEST, makeFile, ignore);
    for (const path of [store, `${store}/rootfs`, `${store}/rootfs/${DIGEST}`])
      expect((stat(path)?.mode ?? 0) & 0o777).toBe(0o700);
  });

  test("leaves nothing of a tree whose making failed", async () => {
    using folder = new TemporaryFolder();
    const failing = async (place: { readonly root: number; readonly scratch: number }): Promise<void> => {
      await makeFile(place);
      makeDirectory(place.scratch, new TextEncoder().encode("scratch"), 0o500);
      throw new Error("no luck");
    };
    await expect(add(folder.path, DIGEST, failing, ignore)).rejects.toThrow("no luck");
    expect(readdirSync(join(folder.path, "tmp"))).toEqual([]);
    expect(readdirSync(join(folder.path, "rootfs"))).toEqual([]);
    await add(folder.path, DIGEST, makeFile, ignore);
  });

  test("lets one of two tasks of one process make it while the other waits", async () => {
    using folder = new TemporaryFolder();
    const { promise: waited, resolve: othersWaits } = Promise.withResolvers<void>();
    let made = 0;
    const make = async (): Promise<void> => {
      made++;
      await waited;
    };
    const paths = await Promise.all([
      add(folder.path, DIGEST, make, othersWaits),
      add(folder.path, DIGEST, make, othersWaits),
    ]);
    expect(new Set(paths).size).toBe(1);
    expect(made).toBe(1);
  });

  test("does not make one digest wait for another, nor take its work for garbage", async () => {
    using folder = new TemporaryFolder();
    const inner = async (): Promise<void> => {
      await add(folder.path, OTHER, makeFile, ignore);
      expect(readdirSync(join(folder.path, "tmp"))).toEqual([DIGEST]);
    };
    await add(folder.path, DIGEST, inner, ignore);
    expect(readdirSync(join(folder.path, "rootfs")).sort()).toEqual([DIGEST, OTHER]);
  });

  test.each([
    ["its own digest", DIGEST],
    ["another digest", OTHER],
  ])("clears up after a killed process that was at %s", async (_, digest) => {
    using folder = new TemporaryFolder();
    const child = fixture("die_in_store.ts", folder.path, DIGEST);
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    expect(listing(join(folder.path, "tmp"))[`${DIGEST}/tree/root/locked`]).toBe("<directory>");
    expect(find(folder.path, DIGEST)).toBeUndefined();

    const path = await add(folder.path, digest, makeFile, ignore);
    expect(readdirSync(join(folder.path, "tmp"))).toEqual([]);
    expect(listing(path)).toEqual({ made: "<directory>" });
  });
});

describe("the index", () => {
  test("remembers a tarball until it changes", () => {
    using folder = new TemporaryFolder();
    const tarball = join(folder.path, "a.tar");
    writeFileSync(tarball, "one");
    const before = stat(tarball);
    if (!before) throw new Error("no file");
    expect(findDigest(folder.path, before)).toBeUndefined();
    addIndex(folder.path, before, DIGEST);
    addIndex(folder.path, before, DIGEST);
    expect(findDigest(folder.path, before)).toBe(DIGEST);
    writeFileSync(tarball, "longer");
    expect(findDigest(folder.path, stat(tarball) ?? before)).toBeUndefined();
  });

  test("is not believed when it holds anything but a digest", () => {
    using folder = new TemporaryFolder();
    const found = stat(folder.path);
    if (!found) throw new Error("no folder");
    mkdirSync(join(folder.path, "index"));
    symlinkSync("../../etc", indexPath(folder.path, found));
    expect(findDigest(folder.path, found)).toBeUndefined();
  });
});

describe("removeTree", () => {
  function remove(folder: string, name: string): void {
    using at = open(folder, O_RDONLY | O_DIRECTORY);
    removeTree(at.number, new TextEncoder().encode(name));
  }

  test("removes folders that nobody may write to, links, and names that are no UTF-8", () => {
    using folder = new TemporaryFolder();
    mkdirSync(join(folder.path, "t/a/b"), { recursive: true });
    writeFileSync(join(folder.path, "t/a/b/f"), "");
    writeFileSync(Buffer.concat([Buffer.from(join(folder.path, "t/a/")), Buffer.from([0xff])]), "");
    symlinkSync(folder.path, join(folder.path, "t/a/l"));
    mkdirSync(join(folder.path, "t/.moved-0/.moved-0"), { recursive: true });
    mkdirSync(join(folder.path, "t/a/none"), { mode: 0 });
    mkdirSync(join(folder.path, "stays"));
    remove(folder.path, "t");
    expect(readdirSync(folder.path)).toEqual(["stays"]);
  });

  test("removes a link and not what it leads to", () => {
    using folder = new TemporaryFolder();
    mkdirSync(join(folder.path, "stays"));
    symlinkSync("stays", join(folder.path, "t"));
    remove(folder.path, "t");
    expect(readdirSync(folder.path)).toEqual(["stays"]);
  });

  test("takes nothing there for done", () => {
    using folder = new TemporaryFolder();
    remove(folder.path, "t");
    expect(existsSync(folder.path)).toBe(true);
  });

  test("removes a tree deeper than a path can be long", () => {
    using folder = new TemporaryFolder();
    let at = open(folder.path, O_RDONLY | O_DIRECTORY);
    for (let depth = 0; depth < 3000; depth++) {
      makeDirectory(at.number, new TextEncoder().encode("t"), 0o700);
      const deeper = open("t", O_RDONLY | O_DIRECTORY, 0, at.number);
      at.close();
      at = deeper;
    }
    at.close();
    remove(folder.path, "t");
    expect(readdirSync(folder.path)).toEqual([]);
  });
});

test("a name with a NUL inside is refused before the kernel would cut it", () => {
  expect(() => cbytes(new Uint8Array([97, 0, 98]))).toThrow(RangeError);
});
