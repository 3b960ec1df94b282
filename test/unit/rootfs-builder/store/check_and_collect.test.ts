// A store that holds two images, a root file system and an environment: what check finds in it, what a collection leaves.
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { makeDirectory } from "../../../../ffi/path_at.ts";
import { pullImage } from "../../../../rootfs-builder/pull_image.ts";
import { type CheckReport, checkStore } from "../../../../rootfs-builder/store/check.ts";
import { diskUsage } from "../../../../rootfs-builder/store/disk_usage.ts";
import { type CollectOptions, collect } from "../../../../rootfs-builder/store/gc.ts";
import { findImage, requireImage, tagImage, untagImage } from "../../../../rootfs-builder/store/images.ts";
import {
  blobPath,
  digestName,
  findLayer,
  findRootfs,
  imagePath,
  layerKey,
} from "../../../../rootfs-builder/store/layout.ts";
import { openEnvironment } from "../../../../rootfs-builder/store/open_environment.ts";
import { performJob } from "../../../../rootfs-builder/store/perform_job.ts";
import { prune } from "../../../../rootfs-builder/store/prune.ts";
import { addRootfs } from "../../../../rootfs-builder/store/store.ts";
import { writeTree } from "../../../../rootfs-builder/store/tree_file.ts";
import { type FakeImage, fakeImage, fakeSource } from "../../../fixtures/rootfs-builder/fake_image.ts";
import { TemporaryFolder } from "../../../fixtures/rootfs-builder/temporary_folder.ts";

const SHARED = [
  { name: "bin/", type: "5" },
  { name: "bin/sh", content: "#!".repeat(3000), mode: 0o755 },
];
const ONE = fakeImage(SHARED, [
  { name: "one", content: "1" },
  { name: "secret", content: "x", mode: 0 },
]);
const TWO = fakeImage(SHARED, [{ name: "two", content: "2" }]);
const ROOTFS = digestName("sha256", "ab".repeat(32));
const LATER = Date.now() + 3600_000;

class Store extends TemporaryFolder {
  async fill(): Promise<this> {
    await this.pull("one", ONE);
    await this.pull("two", TWO);
    const place = { store: this.path, run: performJob, waiting: () => {} };
    const { lock } = await addRootfs(ROOTFS, place, async ({ root, tree }) => {
      makeDirectory(root, new TextEncoder().encode("etc"), 0o755);
      writeTree(root, tree);
    });
    lock.close();
    return this;
  }

  async pull(name: string, image: FakeImage): Promise<void> {
    const limits = { bytes: 2 ** 30, entries: 1e6 };
    const options = {
      store: this.path,
      run: performJob,
      limits,
      now: Date.now,
      ownership: { kind: "single" },
    } as const;
    await pullImage(name, fakeSource(image), options);
  }

  async check(repair = false): Promise<CheckReport> {
    return await checkStore({ store: this.path, run: performJob, repair, now: LATER });
  }

  /** [kind, object] of each problem. */
  async problems(repair = false): Promise<readonly string[]> {
    return (await this.check(repair)).problems.map(({ kind }) => kind).sort();
  }

  collecting(change: Partial<CollectOptions> = {}): CollectOptions {
    return {
      store: this.path,
      run: performJob,
      now: LATER,
      grace: 60_000,
      rootfs: "keep",
      layerBlobs: "keep",
      partials: "keep",
      dryRun: false,
      ...change,
    };
  }

  layer(image: FakeImage, at: number): string {
    return join(this.path, "layers", layerKey(image.layers[at]?.diffId as `sha256:${string}`, { kind: "single" }));
  }

  blob(digest: string | undefined): string {
    return blobPath(this.path, digest as `sha256:${string}`);
  }

  names(folder: string): readonly string[] {
    return readdirSync(join(this.path, folder));
  }
}

async function filled(): Promise<Store> {
  return await new Store().fill();
}

describe("checkStore", () => {
  test("finds a whole store whole, and says how much it looked at", async () => {
    using store = await filled();
    expect(await store.check()).toMatchObject({
      blobs: 7,
      layers: 3,
      rootfs: 1,
      images: 2,
      problems: [],
      undescribed: [],
    });
  });

  test("changes nothing that it looks at, files that their owner may not read included", async () => {
    using store = await filled();
    await store.check();
    expect(await store.problems()).toEqual([]);
  });

  test("of a store that is not there has nothing to say", async () => {
    using store = new TemporaryFolder();
    const report = await checkStore({ store: join(store.path, "none"), run: performJob, repair: true, now: 0 });
    expect(report.problems).toEqual([]);
    expect(readdirSync(store.path)).toEqual([]);
  });

  test.each<[string, (store: Store) => void, string]>([
    ["one byte of a blob", (store) => corrupt(store.blob(ONE.layers[0]?.descriptor.digest)), "damaged-blob"],
    ["the end of a blob", (store) => truncateSync(store.blob(TWO.layers[1]?.descriptor.digest), 5), "damaged-blob"],
    ["one byte of a file", (store) => corrupt(join(store.layer(ONE, 0), "root/bin/sh")), "damaged-layer"],
    ["a mode", (store) => chmodSync(join(store.layer(ONE, 0), "root/bin/sh"), 0o4755), "damaged-layer"],
    ["a time", (store) => utimesSync(join(store.layer(ONE, 0), "root/bin/sh"), 1, 1), "damaged-layer"],
    ["a file", (store) => rmSync(join(store.layer(TWO, 1), "root/two")), "damaged-layer"],
    ["a file more", (store) => writeFileSync(join(store.layer(TWO, 1), "root/three"), ""), "damaged-layer"],
    ["the description", (store) => corrupt(join(store.layer(TWO, 1), "tree")), "damaged-layer"],
    ["the whole description", (store) => rmSync(join(store.layer(TWO, 1), "tree")), "damaged-layer"],
    [
      "a root file system",
      (store) => rmSync(join(store.path, "rootfs", ROOTFS, "root/etc"), { recursive: true }),
      "damaged-rootfs",
    ],
    ["a name", (store) => corrupt(imagePath(store.path, "one")), "damaged-record"],
  ])("tells %s that is damaged, and repairs it", async (_, damage, kind) => {
    using store = await filled();
    damage(store);
    expect(await store.problems()).toEqual([kind]);
    const repaired = await store.check(true);
    expect(repaired.problems.map((problem) => [problem.kind, problem.repaired])).toEqual([[kind, true] as never]);
    expect(repaired.problems[0]?.lost).not.toBe("");
    expect(await store.problems()).toEqual([]);
    await store.pull("one", ONE);
    await store.pull("two", TWO);
    expect(await store.check()).toMatchObject({ blobs: expect.any(Number), layers: 3, images: 2, problems: [] });
  });

  test("an image whose manifest is damaged is lost, and said to be", async () => {
    using store = await filled();
    corrupt(store.blob(ONE.manifestDescriptor.digest));
    const { problems } = await store.check(true);
    expect(problems.map(({ kind }) => kind)).toEqual(["damaged-blob", "dangling-image"]);
    expect(problems[1]?.lost).toContain("one");
    expect(findImage(store.path, "one")).toBeUndefined();
    expect(requireImage(store.path, "two").layers.length).toBe(2);
    expect(await store.problems()).toEqual([]);
  });

  test("an image that lost a layer and the bytes of it is lost; with the bytes it is not", async () => {
    using store = await filled();
    rmSync(join(store.layer(ONE, 1), "root/one"));
    expect(await store.problems()).toEqual(["damaged-layer"]);
    rmSync(store.blob(ONE.layers[1]?.descriptor.digest));
    expect(await store.problems()).toEqual(["damaged-layer", "dangling-image"]);
  });

  test("what is in use is not repaired under its user", async () => {
    using store = await filled();
    const user = findLayer(store.path, layerKey(TWO.layers[1]?.diffId as `sha256:${string}`, { kind: "single" }));
    rmSync(join(store.layer(TWO, 1), "root/two"));
    expect((await store.check(true)).problems).toMatchObject([{ kind: "damaged-layer", repaired: false }]);
    user?.lock.close();
    expect((await store.check(true)).problems).toMatchObject([{ kind: "damaged-layer", repaired: true }]);
  });

  test("links to nothing, left-overs, stale locks and strangers", async () => {
    using store = await filled();
    symlinkSync(digestName("sha256", "cd".repeat(32)), join(store.path, "index/1-2-3"));
    mkdirSync(join(store.path, "tmp/removed-0-x/deep"), { recursive: true });
    chmodSync(join(store.path, "tmp/removed-0-x"), 0o500);
    writeFileSync(join(store.path, "lock/old"), "");
    writeFileSync(join(store.path, "layers/notes.txt"), "");
    expect(await store.problems()).toEqual(["broken-link", "left-over", "stale-lock", "unknown-file"]);
    await store.check(true);
    expect(await store.problems()).toEqual(["unknown-file"]);
  });

  test("trees from before descriptions were written are no problem, and are told", async () => {
    using store = await filled();
    rmSync(join(store.path, "rootfs", ROOTFS, "tree"));
    expect(await store.check()).toMatchObject({ problems: [], undescribed: [`rootfs/${ROOTFS}`] });
  });
});

describe("collect", () => {
  test("takes nothing that a name leads to", async () => {
    using store = await filled();
    expect(await collect(store.collecting())).toMatchObject({ layers: [], blobs: [], rootfs: [], freed: 0 });
  });

  test("takes what the last name led to, and leaves what others share", async () => {
    using store = await filled();
    await tagImage(store.path, "one", "uno");
    await untagImage(store.path, "one");
    expect((await collect(store.collecting())).layers).toEqual([]);
    await untagImage(store.path, "uno");
    const { layers, blobs, freed } = await collect(store.collecting());
    expect(layers.map((key) => join(store.path, "layers", key))).toEqual([store.layer(ONE, 1)]);
    expect(blobs.length).toBe(3);
    expect(freed).toBeGreaterThan(0);
    expect(store.names("tmp")).toEqual([]);
    expect(await store.problems()).toEqual([]);
  });

  test("takes nothing that is young, and nothing that is in use", async () => {
    using store = await filled();
    await untagImage(store.path, "one");
    expect((await collect(store.collecting({ now: Date.now() }))).layers).toEqual([]);
    const user = findLayer(store.path, layerKey(ONE.layers[1]?.diffId as `sha256:${string}`, { kind: "single" }));
    expect((await collect(store.collecting())).layers).toEqual([]);
    expect(existsSync(join(user?.path ?? "", "one"))).toBe(true);
    user?.lock.close();
    expect((await collect(store.collecting())).layers.length).toBe(1);
  });

  test("tells and does nothing when it is only asked", async () => {
    using store = await filled();
    await untagImage(store.path, "one");
    const told = await collect(store.collecting({ dryRun: true }));
    expect(store.names("layers").length).toBe(3);
    expect(await collect(store.collecting())).toEqual(told);
  });

  test("root file systems go on request, but for those of environments and in use", async () => {
    using store = await filled();
    expect((await collect(store.collecting())).rootfs).toEqual([]);
    const user = findRootfs(store.path, ROOTFS);
    expect((await collect(store.collecting({ rootfs: "drop" }))).rootfs).toEqual([]);
    user?.lock.close();
    openEnvironment(store.path, "dev", { kind: "rootfs", name: "x", digest: ROOTFS }).lock.close();
    expect((await collect(store.collecting({ rootfs: "drop" }))).rootfs).toEqual([]);
    rmSync(join(store.path, "persist/dev"), { recursive: true });
    expect((await collect(store.collecting({ rootfs: "drop" }))).rootfs).toEqual([ROOTFS]);
    expect(findRootfs(store.path, ROOTFS)).toBeUndefined();
  });

  test("layers of an environment's base stay without a name", async () => {
    using store = await filled();
    const layers = ONE.layers.map(({ diffId }) => layerKey(diffId as `sha256:${string}`, { kind: "single" }));
    const manifest = ONE.manifestDescriptor.digest as `sha256:${string}`;
    openEnvironment(store.path, "dev", { kind: "image", name: "one", manifest, layers }).lock.close();
    await untagImage(store.path, "one");
    expect((await collect(store.collecting())).layers).toEqual([]);
  });

  test("layers as they were sent go on request, where the unpacked form is there", async () => {
    using store = await filled();
    rmSync(store.layer(TWO, 1), { recursive: true });
    const { blobs } = await collect(store.collecting({ layerBlobs: "drop" }));
    expect([...blobs].sort()).toEqual(
      [ONE.layers[0], ONE.layers[1]].map((layer) => layer?.descriptor.digest as never).sort(),
    );
    expect(await store.problems()).toEqual([]);
  });

  test("beginnings of downloads go after a week, or on request", async () => {
    using store = await filled();
    const partial = join(store.path, `tmp/blob-sha256-${"0".repeat(64)}`);
    writeFileSync(partial, "half");
    expect((await collect(store.collecting())).partials).toEqual([]);
    expect((await collect(store.collecting({ now: LATER + 8 * 86_400_000 }))).partials.length).toBe(1);
    expect(existsSync(partial)).toBe(false);
  });
});

describe("prune and diskUsage", () => {
  test("df counts every byte once, and what prune frees is what df called reclaimable", async () => {
    using store = await filled();
    const before = await diskUsage(store.path, performJob);
    expect(before.images.map(({ names, layers }) => [names, layers])).toEqual([
      [["one"], 2],
      [["two"], 2],
    ] as never);
    expect(before.images[0]?.shared).toBe(before.layers.find(({ images }) => images === 2)?.disk as never);
    await untagImage(store.path, "one");
    const { reclaimable } = await diskUsage(store.path, performJob);
    const pruned = await prune({
      ...store.collecting({ rootfs: "drop", layerBlobs: "drop", partials: "drop" }),
      images: "keep",
    });
    expect(pruned.freed).toBe(reclaimable);
    expect((await diskUsage(store.path, performJob)).total).toBe(before.total - pruned.freed);
  });

  test("unused images go, and those in use stay", async () => {
    using store = await filled();
    const user = findLayer(store.path, layerKey(TWO.layers[1]?.diffId as `sha256:${string}`, { kind: "single" }));
    expect((await prune({ ...store.collecting(), images: "unused" })).images).toEqual(["one"]);
    expect(findImage(store.path, "two")).toBeDefined();
    user?.lock.close();
    expect((await prune({ ...store.collecting(), images: "unused" })).images).toEqual(["two"]);
    expect(store.names("layers")).toEqual([]);
    expect([...store.names("blobs/sha256"), ...store.names("images")]).toEqual([]);
  });
});

/** Another byte in the middle, the times as they were. */
function corrupt(path: string): void {
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}
