import { describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { O_RDONLY, open } from "../../../../ffi/file.ts";
import { type ImportOptions, importImage } from "../../../../rootfs-builder/import_image.ts";
import { type PullOptions, pullImage } from "../../../../rootfs-builder/pull_image.ts";
import { restoreLayers } from "../../../../rootfs-builder/restore_layers.ts";
import { checkStore } from "../../../../rootfs-builder/store/check.ts";
import { collect } from "../../../../rootfs-builder/store/gc.ts";
import { requireImage, tagImage } from "../../../../rootfs-builder/store/images.ts";
import { inspectImage, removeImages } from "../../../../rootfs-builder/store/inspect_image.ts";
import { performJob } from "../../../../rootfs-builder/store/perform_job.ts";
import { imageBase, imageConfig, useImage } from "../../../../rootfs-builder/store/use_image.ts";
import { fakeImage, fakeSource, seededImage } from "../../../fixtures/rootfs-builder/fake_image.ts";
import { pretendRoot } from "../../../fixtures/rootfs-builder/pretend_root.ts";
import { tar } from "../../../fixtures/rootfs-builder/tar_writer.ts";
import { TemporaryFolder } from "../../../fixtures/rootfs-builder/temporary_folder.ts";
import { listing } from "../../../fixtures/rootfs-builder/tree.ts";

const SINGLE = { kind: "single" } as const;
const RANGE = { kind: "range", map: "0:1000:1" } as const;
const IMAGE = fakeImage([{ name: "low", content: "1" }], [{ name: "top", content: "2" }]);

function options(store: string): PullOptions {
  return { store, ownership: SINGLE, run: pretendRoot, limits: { bytes: 2 ** 30, entries: 1e6 }, now: () => 7 };
}

function everything(store: string) {
  const sweep = { rootfs: "drop", layerBlobs: "drop", partials: "drop" } as const;
  return { store, run: performJob, now: Date.now() + 1e9, grace: 0, dryRun: false, ...sweep };
}

describe("useImage", () => {
  test("gives the layers lowest first, and keeps them until all locks are closed", async () => {
    using store = new TemporaryFolder();
    await pullImage("a", fakeSource(IMAGE), options(store.path));
    const image = useImage(store.path, "a", SINGLE);
    if (!image) throw new Error("no image");
    expect(image.roots.map(listing)).toEqual([{ low: "1" }, { top: "2" }]);
    expect(imageConfig(store.path, image.record)).toEqual(IMAGE.configBytes);
    expect(imageBase(image)).toMatchObject({ kind: "image", name: "a", layers: image.keys });
    await removeImages(store.path, ["a"]);
    expect((await collect(everything(store.path))).layers).toEqual([]);
    for (const lock of image.locks) lock.close();
    expect((await collect(everything(store.path))).layers.length).toBe(2);
    expect(useImage(store.path, "a", SINGLE)).toBeUndefined();
  });

  test("of another form of owners is made from what was kept, without a source", async () => {
    using store = new TemporaryFolder();
    await pullImage("a", fakeSource(IMAGE), options(store.path));
    expect(useImage(store.path, "a", RANGE)).toBeUndefined();
    const { made, record } = await restoreLayers(requireImage(store.path, "a"), {
      ...options(store.path),
      ownership: RANGE,
      now: () => 9,
    });
    expect([made, record.stored]).toEqual([2, 7]);
    const image = useImage(store.path, "a", RANGE);
    expect(image?.roots.length).toBe(2);
  });

  test("where nothing was kept says that it takes a pull", async () => {
    using store = new TemporaryFolder();
    await pullImage("a", fakeSource(IMAGE), { ...options(store.path), keepBlobs: false });
    const restoring = restoreLayers(requireImage(store.path, "a"), { ...options(store.path), ownership: RANGE });
    await expect(restoring).rejects.toThrow("was not kept as it was sent");
    expect(requireImage(store.path, "a").stored).toBe(7);
  });
});

describe("inspectImage and removeImages", () => {
  test("show and take away", async () => {
    using store = new TemporaryFolder();
    await pullImage("a", fakeSource(IMAGE), options(store.path));
    await tagImage(store.path, "a", "b");
    const image = await inspectImage(store.path, "b", performJob);
    expect(image).toMatchObject({ names: ["a", "b"], manifestBytes: IMAGE.manifestBytes, inUse: false });
    expect(image.layers.map(({ kept, unpacked }) => [kept, unpacked.length])).toEqual([
      [true, 1],
      [true, 1],
    ]);
    await expect(removeImages(store.path, ["a", "none"])).rejects.toThrow("there is no such image");
    expect((await removeImages(store.path, ["a", "b"])).length).toBe(2);
  });
});

describe("importImage", () => {
  const ARCHIVE = tar({ name: "etc/", type: "5" }, { name: "etc/motd", content: "imported" });
  const importing = (store: string): ImportOptions => ({
    ...options(store),
    config: { architecture: "amd64", os: "linux", config: { Cmd: ["/bin/sh"] } },
    origin: "rootfs.tar",
    random: () => "01234567",
  });

  test.each([
    ["plain", ARCHIVE, ".tar"],
    ["gzip", Bun.gzipSync(ARCHIVE), ".tar+gzip"],
    ["zstd", zstdCompressSync(ARCHIVE), ".tar+zstd"],
  ])("makes an image of one layer of a %s tarball, the same each time", async (_, bytes, suffix) => {
    using folder = new TemporaryFolder();
    const [store, path] = [join(folder.path, "store"), join(folder.path, "rootfs.tar")];
    writeFileSync(path, bytes);
    using file = open(path, O_RDONLY);
    const { record, made } = await importImage(file.number, "mine", importing(store));
    expect(made).toBe(1);
    expect(record.layers[0]?.mediaType.endsWith(suffix)).toBe(true);
    expect(useImage(store, "mine", SINGLE)?.roots.map(listing)).toEqual([
      { etc: "<directory>", "etc/motd": "imported" },
    ]);
    const config = JSON.parse(new TextDecoder().decode(imageConfig(store, record)));
    expect(config).toMatchObject({
      architecture: "amd64",
      config: { Cmd: ["/bin/sh"] },
      rootfs: { diff_ids: [record.layers[0]?.diffID] },
    });
    const again = await importImage(file.number, "mine", importing(store));
    expect(again).toMatchObject({ made: 0, record: { manifest: record.manifest } });
    expect((await checkStore({ store, run: performJob, repair: false, now: Date.now() })).problems).toEqual([]);
  });

  test("of a damaged tarball leaves nothing", async () => {
    using folder = new TemporaryFolder();
    const [store, path] = [join(folder.path, "store"), join(folder.path, "rootfs.tar")];
    writeFileSync(path, Bun.gzipSync(ARCHIVE).subarray(0, 60));
    using file = open(path, O_RDONLY);
    await expect(importImage(file.number, "mine", importing(store))).rejects.toThrow("damaged or cut off");
    expect(await checkStore({ store, run: performJob, repair: false, now: Date.now() + 1e6 })).toMatchObject({
      blobs: 0,
      images: 0,
      problems: [],
    });
  });
});

describe("pulls and collections at the same time", () => {
  test("40 pulls while everything that has no name is collected again and again: each image is whole when it has its name", async () => {
    using store = new TemporaryFolder();
    let pulling = true;
    const collecting = (async () => {
      let rounds = 0;
      for (; pulling; rounds++) {
        await collect(everything(store.path));
        await new Promise(setImmediate);
      }
      return rounds;
    })();
    for (let seed = 0; seed < 40; seed++) {
      // Every second one again, whose layers the collector may be at.
      const name = `image-${seed}`;
      await pullImage(name, fakeSource(seededImage(seed % 20, 2, 3)), options(store.path));
      const image = useImage(store.path, name, SINGLE);
      expect(image?.roots.every((root) => existsSync(root))).toBe(true);
      for (const lock of image?.locks ?? []) lock.close();
      await removeImages(store.path, [name]);
    }
    pulling = false;
    expect(await collecting).toBeGreaterThan(10);
    await collect(everything(store.path));
    const report = await checkStore({ store: store.path, run: performJob, repair: false, now: Date.now() + 1e6 });
    expect(report).toMatchObject({ blobs: 0, layers: 0, images: 0, problems: [] });
  });
});
