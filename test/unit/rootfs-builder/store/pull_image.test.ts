import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type PullOptions, type PullProgress, pullImage } from "../../../../rootfs-builder/pull_image.ts";
import { RootfsError } from "../../../../rootfs-builder/rootfs_error.ts";
import { checkStore } from "../../../../rootfs-builder/store/check.ts";
import { findImage, listImages, requireImage, tagImage, untagImage } from "../../../../rootfs-builder/store/images.ts";
import { blobPath, findLayer, layerKey } from "../../../../rootfs-builder/store/layout.ts";
import { performJob } from "../../../../rootfs-builder/store/perform_job.ts";
import { type FakeImage, fakeImage, fakeSource, seededImage } from "../../../fixtures/rootfs-builder/fake_image.ts";
import { pretendRoot } from "../../../fixtures/rootfs-builder/pretend_root.ts";
import { TemporaryFolder } from "../../../fixtures/rootfs-builder/temporary_folder.ts";
import { listing } from "../../../fixtures/rootfs-builder/tree.ts";

const IMAGE = fakeImage(
  [
    { name: "bin/", type: "5" },
    { name: "bin/sh", content: "#!", mode: 0o755 },
  ],
  [
    { name: "etc/", type: "5" },
    { name: "etc/motd", content: "hello" },
  ],
);

function options(store: string): PullOptions {
  return {
    store,
    ownership: { kind: "single" },
    run: pretendRoot,
    limits: { bytes: 2 ** 30, entries: 1e6 },
    now: () => 7,
  };
}

async function problemsIn(store: string): Promise<readonly unknown[]> {
  return (await checkStore({ store, run: performJob, repair: false, now: Date.now() })).problems;
}

/** The trees of an image's layers, lowest first. */
function layersOf(store: string, name: string): readonly Record<string, string>[] {
  return requireImage(store, name).layers.map(({ diffID }) => {
    const found = findLayer(store, layerKey(diffID, { kind: "single" }));
    if (!found) throw new Error("no layer");
    found.lock.close();
    return listing(found.path);
  });
}

function partials(store: string): readonly string[] {
  return readdirSync(join(store, "tmp"));
}

describe("pullImage", () => {
  test("unpacks each layer into a tree of its own and names the image", async () => {
    using store = new TemporaryFolder();
    const { record, made } = await pullImage("app:1", fakeSource(IMAGE), options(store.path));
    expect(made).toBe(2);
    expect(record.stored).toBe(7);
    expect(layersOf(store.path, "app:1")).toEqual([
      { bin: "<directory>", "bin/sh": "#!" },
      { etc: "<directory>", "etc/motd": "hello" },
    ]);
    expect(partials(store.path)).toEqual([]);
    expect(await problemsIn(store.path)).toEqual([]);
  });

  test("describes each tree", async () => {
    using store = new TemporaryFolder();
    const image = fakeImage([
      { name: "./", type: "5", mode: 0o755, mtime: 1 },
      { name: "a b", content: "x", mode: 0o640, mtime: 2 },
      { name: "dir/", type: "5", mode: 0o500, mtime: 3 },
      { name: "link", type: "2", linkname: "a b", mtime: 4 },
      { name: "pipe", type: "6", mode: 0o600, mtime: 5 },
      { name: "twin", type: "1", linkname: "a b" },
    ]);
    await pullImage("a", fakeSource(image), options(store.path));
    const [key = ""] = readdirSync(join(store.path, "layers"));
    const ids = `${process.getuid?.()} ${process.getgid?.()}`;
    const lines = readFileSync(join(store.path, "layers", key, "tree"), "utf8").split("\n");
    expect(
      lines.slice(0, -2).map((line) =>
        line
          .replace(ids, "U G")
          .replace(/[0-9a-f]{64}/g, "SHA256")
          .replace(/ (-|SHA256) (\S+)$/, " $2"),
      ),
    ).toEqual([
      "#sandbox-tree 1",
      "d 755 U G - 1000000000 - .",
      "f 640 U G 1 2000000000 SHA256 a%20b",
      "d 500 U G - 3000000000 - dir",
      "l 777 U G - 4000000000 a%20b link",
      "p 600 U G - 5000000000 0:0 pipe",
      "f 640 U G 1 2000000000 =2 twin",
    ]);
  });

  test("fetches and unpacks nothing twice", async () => {
    using store = new TemporaryFolder();
    await pullImage("app:1", fakeSource(IMAGE), options(store.path));
    const again = fakeSource(IMAGE);
    expect(await pullImage("app:2", again, options(store.path))).toMatchObject({ made: 0, found: 2 });
    expect(again.sent.size).toBe(0);
  });

  test("that finds every layer clears up after a process that was killed when it had made them", async () => {
    using store = new TemporaryFolder();
    await pullImage("a", fakeSource(IMAGE), options(store.path));
    mkdirSync(join(store.path, "tmp/made"));
    writeFileSync(join(store.path, "lock/made"), "");
    await pullImage("a", fakeSource(IMAGE), options(store.path));
    for (const folder of ["tmp", "lock"]) expect(readdirSync(join(store.path, folder))).toEqual([]);
  });

  test("shares a layer between images", async () => {
    using store = new TemporaryFolder();
    await pullImage("a", fakeSource(IMAGE), options(store.path));
    const other = fakeImage(
      [
        { name: "bin/", type: "5" },
        { name: "bin/sh", content: "#!", mode: 0o755 },
      ],
      [{ name: "new" }],
    );
    expect(await pullImage("b", fakeSource(other), options(store.path))).toMatchObject({ made: 1, found: 1 });
    expect(readdirSync(join(store.path, "layers")).length).toBe(3);
  });

  test("keeps the two forms of owners apart", async () => {
    using store = new TemporaryFolder();
    await pullImage("a", fakeSource(IMAGE), options(store.path));
    const range = { kind: "range", map: "0:1000:1" } as const;
    expect(await pullImage("a", fakeSource(IMAGE), { ...options(store.path), ownership: range })).toMatchObject({
      made: 2,
    });
    const otherMap = { kind: "range", map: "0:1001:1" } as const;
    expect(await pullImage("a", fakeSource(IMAGE), { ...options(store.path), ownership: otherMap })).toMatchObject({
      made: 2,
    });
  });

  test("goes on with a download that broke off, in whatever process", async () => {
    using store = new TemporaryFolder();
    const image = seededImage(1, 1, 40);
    const broken = fakeSource(image, {
      after: async (bytes) => {
        if (bytes > 20_000) throw new Error("the cable is out");
      },
    });
    await expect(pullImage("a", broken, options(store.path))).rejects.toThrow("the cable is out");
    expect(findImage(store.path, "a")).toBeUndefined();
    expect(await problemsIn(store.path)).toEqual([]);
    const size = image.layers[0]?.descriptor.size ?? 0;
    const digest = image.layers[0]?.descriptor.digest ?? "";
    const rest = fakeSource(image);
    await pullImage("a", rest, options(store.path));
    expect((rest.sent.get(digest) ?? 0) + (broken.sent.get(digest) ?? 0)).toBe(size);
    expect(partials(store.path)).toEqual([]);
  });

  test("stops the other layers when one fails, and the old name stays", async () => {
    using store = new TemporaryFolder();
    await pullImage("a", fakeSource(IMAGE), options(store.path));
    const next = seededImage(2, 3, 10);
    const failing = fakeSource(next, { change: (bytes) => bytes.toReversed() });
    await expect(pullImage("a", failing, options(store.path))).rejects.toThrow("not what its descriptor says");
    expect(requireImage(store.path, "a").manifest.digest).toBe(IMAGE.manifestDescriptor.digest as never);
    expect(await problemsIn(store.path)).toEqual([]);
  });

  test("refuses a layer that is not the one of the config, and keeps nothing of it", async () => {
    using store = new TemporaryFolder();
    const [first] = IMAGE.layers;
    if (!first) throw new Error("no layer");
    const wrong: FakeImage = { ...IMAGE, layers: [{ ...first, diffId: `sha256:${"0".repeat(64)}` }] };
    const error = await pullImage("a", fakeSource(wrong), options(store.path)).catch((e: unknown) => e);
    if (!(error instanceof RootfsError)) throw error;
    expect(error.cause).toContain("rootfs.diff_ids");
    expect(readdirSync(join(store.path, "layers"))).toEqual([]);
    expect(partials(store.path)).toEqual([]);
  });

  test("fetches a kept blob anew when it has been damaged since", async () => {
    using store = new TemporaryFolder();
    const digest = IMAGE.layers[0]?.descriptor.digest as `sha256:${string}`;
    await pullImage("a", fakeSource(IMAGE), options(store.path));
    const path = blobPath(store.path, digest);
    writeFileSync(path, readFileSync(path).fill(0, 12, 30));
    const range = { ...options(store.path), ownership: { kind: "range", map: "x" } } as const;
    const source = fakeSource(IMAGE);
    await pullImage("a", source, range);
    expect([...source.sent.keys()]).toEqual([digest]);
  });

  test("keeps no blobs of layers where it is told so", async () => {
    using store = new TemporaryFolder();
    await pullImage("a", fakeSource(IMAGE), { ...options(store.path), keepBlobs: false });
    for (const { descriptor } of IMAGE.layers)
      expect(existsSync(blobPath(store.path, descriptor.digest as `sha256:${string}`))).toBe(false);
    expect(await problemsIn(store.path)).toEqual([]);
  });

  test("tells of each layer what goes on", async () => {
    using store = new TemporaryFolder();
    const events: PullProgress[] = [];
    await pullImage("a", fakeSource(IMAGE), { ...options(store.path), progress: (event) => events.push(event) });
    const layer = IMAGE.layers[0]?.descriptor.digest ?? "";
    const kinds = events.flatMap((event) => ("layer" in event && event.layer === layer ? [event.kind] : []));
    expect([...new Set(kinds)]).toEqual(["download", "unpack", "done"]);
    expect(events[0]?.kind).toBe("resolved");
    expect(events.at(-1)?.kind).toBe("finished");
  });

  test("downloads no more layers side by side than it is told", async () => {
    using store = new TemporaryFolder();
    let [at, most] = [0, 0];
    const source = fakeSource(seededImage(3, 6, 4));
    const counting = {
      ...source,
      download: async (...args: Parameters<typeof source.download>) => {
        most = Math.max(most, ++at);
        await source.download(...args);
        at--;
      },
    };
    await pullImage("a", counting, { ...options(store.path), parallel: 2 });
    expect(most).toBe(2);
  });

  test("everything in the store is for its owner alone", async () => {
    using store = new TemporaryFolder();
    await pullImage("a", fakeSource(IMAGE), options(store.path));
    for (const folder of readdirSync(store.path).filter((name) => name !== "version"))
      expect(statSync(join(store.path, folder)).mode & 0o777).toBe(0o700);
    expect(lstatSync(join(store.path, "version")).mode & 0o777).toBe(0o600);
  });
});

describe("names", () => {
  test("several lead to one image, and each goes alone", async () => {
    using store = new TemporaryFolder();
    await pullImage("a", fakeSource(IMAGE), options(store.path));
    await tagImage(store.path, "a", "registry.test:5000/team/app@x");
    expect(listImages(store.path).map(({ name }) => name)).toEqual(["a", "registry.test:5000/team/app@x"]);
    await untagImage(store.path, "a");
    expect(findImage(store.path, "a")).toBeUndefined();
    expect(requireImage(store.path, "registry.test:5000/team/app@x").layers.length).toBe(2);
  });

  test("one that is not there is an error that says what to do", async () => {
    using store = new TemporaryFolder();
    await expect(untagImage(store.path, "a")).rejects.toThrow();
    expect(() => requireImage(store.path, "a")).toThrow(RootfsError);
  });

  test("a reader never sees half a name", async () => {
    using store = new TemporaryFolder();
    await pullImage("a", fakeSource(IMAGE), options(store.path));
    await pullImage("b", fakeSource(seededImage(1, 1, 2)), options(store.path));
    const digests = ["a", "b"].map((name) => requireImage(store.path, name).manifest.digest);
    const writer = (async () => {
      for (let turn = 0; turn < 100; turn++) await tagImage(store.path, turn % 2 ? "a" : "b", "moving");
    })();
    let seen = 0;
    for (let done = false; !done; ) {
      done = await Promise.race([writer.then(() => true), new Promise<false>((r) => setImmediate(() => r(false)))]);
      const record = findImage(store.path, "moving");
      if (record) seen++;
      if (record) expect(digests).toContain(record.manifest.digest);
    }
    expect(seen).toBeGreaterThan(0);
  });

  test("a store of a later format is left alone", async () => {
    using store = new TemporaryFolder();
    writeFileSync(join(store.path, "version"), "2\n");
    const error = await pullImage("a", fakeSource(IMAGE), options(store.path)).catch((e: unknown) => e);
    if (!(error instanceof RootfsError)) throw error;
    expect(error.cause).toContain("format 2");
    expect(readdirSync(store.path)).toEqual(["version"]);
  });
});
