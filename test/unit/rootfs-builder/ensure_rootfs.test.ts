import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { EmbeddedAlpine } from "../../../rootfs-builder/alpine/embedded.ts";
import { ensureRootfs, type Rootfs, type RootfsOptions } from "../../../rootfs-builder/ensure_rootfs.ts";
import type { Progress } from "../../../rootfs-builder/progress.ts";
import { RootfsError } from "../../../rootfs-builder/rootfs_error.ts";
import { minirootfs, whySkipped } from "../../fixtures/rootfs-builder/minirootfs.ts";
import { tar } from "../../fixtures/rootfs-builder/tar_writer.ts";
import { TemporaryFolder } from "../../fixtures/rootfs-builder/temporary_folder.ts";
import { listing } from "../../fixtures/rootfs-builder/tree.ts";

const ARCHIVE = tar(
  { name: "./", type: "5", mode: 0o555 },
  { name: "bin/", type: "5", mode: 0o555 },
  { name: "bin/su", content: "#!", mode: 0o4755 },
);
const ROOT = process.getuid?.() === 0;
const NOBODY = 65534;

class Scene extends TemporaryFolder {
  readonly store: string = join(this.path, "store");
  readonly tarball: string = join(this.path, "image.tar");

  constructor(bytes: Uint8Array = ARCHIVE) {
    super();
    writeFileSync(this.tarball, bytes);
  }

  async ensure(path = this.tarball, options: Partial<RootfsOptions> = {}): Promise<Rootfs> {
    return await ensureRootfs({ kind: "tar", path }, { ...this.options(), ...options });
  }

  async ensureAlpine(version: string, options: Partial<RootfsOptions> = {}): Promise<Rootfs> {
    return await ensureRootfs({ kind: "alpine", version }, { ...this.options(), ...options });
  }

  async failure(work: Promise<unknown>): Promise<RootfsError> {
    const error = await work.then(
      () => new Error("it did not fail"),
      (error: unknown) => error,
    );
    if (!(error instanceof RootfsError)) throw error;
    return error;
  }

  options(): RootfsOptions {
    return { store: this.store, arch: "x86_64", now: Date.now };
  }

  expectNothingLeft(): void {
    for (const folder of ["rootfs", "tmp", "index"]) {
      const path = join(this.store, folder);
      expect(existsSync(path) ? readdirSync(path) : []).toEqual([]);
    }
  }
}

/** Runs test/fixtures/rootfs-builder/ensure.ts; `prefix` is put before its command line. */
async function ensureInProcess(
  args: readonly string[],
  prefix: readonly string[] = [],
): Promise<Record<string, unknown>> {
  const script = join(import.meta.dir, "../../fixtures/rootfs-builder/ensure.ts");
  const child = Bun.spawn([...prefix, process.execPath, script, ...args], { stdout: "pipe", stderr: "inherit" });
  return JSON.parse(await child.stdout.text());
}

/** All that a write would change. */
function stamps(folder: string): string[] {
  const below = readdirSync(folder).map((name) => join(folder, name));
  return [folder, ...below].flatMap((path) => {
    const { ino, mtimeNs, ctimeNs, size } = lstatSync(path, { bigint: true });
    const deeper = path !== folder && lstatSync(path).isDirectory() ? stamps(path) : [];
    return [`${path} ${ino} ${mtimeNs} ${ctimeNs} ${size}`, ...deeper];
  });
}

describe("ensureRootfs of a tarball", () => {
  test.each([
    ["plain", ARCHIVE],
    ["gzip", gzipSync(ARCHIVE)],
    ["zstd", zstdCompressSync(ARCHIVE)],
  ])("unpacks %s, whatever the file is called", async (_, bytes) => {
    using scene = new Scene(bytes);
    const { path, name } = await scene.ensure();
    expect(name).toBe(scene.tarball);
    expect(listing(path)).toEqual({ bin: "<directory>", "bin/su": "#!" });
    expect(lstatSync(join(path, "bin/su")).mode & 0o7777).toBe(0o4755);
    expect(lstatSync(path).mode & 0o7777).toBe(0o555);
  });

  test("writes nothing the second time", async () => {
    using scene = new Scene();
    const first = await scene.ensure();
    const before = stamps(scene.store);
    expect(await scene.ensure()).toEqual(first);
    expect(stamps(scene.store)).toEqual(before);
    expect(before.length).toBeGreaterThan(8);
  });

  test("knows a copy by its content, and unpacks it no second time", async () => {
    using scene = new Scene();
    const copy = join(scene.path, "copy.tar");
    copyFileSync(scene.tarball, copy);
    const { path } = await scene.ensure();
    const { ino, ctimeNs } = lstatSync(path, { bigint: true });
    expect((await scene.ensure(copy)).path).toBe(path);
    expect(lstatSync(path, { bigint: true })).toMatchObject({ ino, ctimeNs });
  });

  test("sees a change that kept size and mtime", async () => {
    using scene = new Scene(tar({ name: "a", content: "1" }));
    utimesSync(scene.tarball, 1000, 1000);
    expect(listing((await scene.ensure()).path)).toEqual({ a: "1" });
    writeFileSync(scene.tarball, tar({ name: "a", content: "2" }));
    utimesSync(scene.tarball, 1000, 1000);
    expect(listing((await scene.ensure()).path)).toEqual({ a: "2" });
  });

  test("tells its stages", async () => {
    using scene = new Scene();
    const stages: Progress["kind"][] = [];
    await scene.ensure(scene.tarball, { progress: ({ kind }) => stages.push(kind) });
    expect(stages).toEqual(["unpack", "finished"]);
  });

  test.each([
    ["cut off", ARCHIVE.subarray(0, 700), "cut off"],
    ["damaged", gzipSync(ARCHIVE).fill(0x55, 40, 60), "gzip data is damaged"],
    ["no archive", new Uint8Array(1000).fill(65), "no tar header"],
    ["empty", new Uint8Array(), "empty"],
    ["hostile", tar({ name: "a", content: "1" }, { name: "../b" }), "'..'"],
  ])("leaves nothing of a tarball that is %s", async (_, bytes, cause) => {
    using scene = new Scene(bytes);
    const error = await scene.failure(scene.ensure());
    expect(error).toMatchObject({ kind: "rootfs", step: "unpack", object: scene.tarball });
    expect(error.cause).toContain(cause);
    expect(error.hint).not.toBe("");
    scene.expectNothingLeft();
  });

  test("leaves nothing of a bomb", async () => {
    using scene = new Scene(gzipSync(tar({ name: "zeros", content: new Uint8Array(3_000_000) })));
    const limits = { bytes: 1_000_000, entries: 10 };
    expect((await scene.failure(scene.ensure(scene.tarball, { limits }))).cause).toContain("limit of 1000000 bytes");
    scene.expectNothingLeft();
  });

  test("refuses what is no file, and what is not there", async () => {
    using scene = new Scene();
    expect((await scene.failure(scene.ensure(scene.path))).cause).toContain("no regular file");
    expect((await scene.failure(scene.ensure(`${scene.path}/none`))).cause).toContain("no such file");
  });

  test("passes on what the machine refuses, and leaves nothing", async () => {
    using scene = new Scene(tar({ name: "big", content: new Uint8Array(100_000) }));
    // As with a full disk, a write fails half way: ulimit -f is in blocks of 512 or 1024 bytes, by the shell.
    const limited = ["sh", "-c", 'ulimit -f 40 && exec "$@"', "sh"];
    const told = await ensureInProcess([scene.store, scene.tarball], limited);
    expect(told.cause).toContain("write big: EFBIG");
    scene.expectNothingLeft();
  });

  test("explains a store that cannot be made", async () => {
    using scene = new Scene();
    writeFileSync(scene.store, "in the way");
    const error = await scene.failure(scene.ensure(scene.tarball, { store: "/proc/nowhere/store" }));
    expect(error.hint).toContain("XDG_DATA_HOME");
  });

  test("of four processes one unpacks and all get the same", async () => {
    using scene = new Scene(
      tar(...Array.from({ length: 300 }, (_, at) => ({ name: `d${at % 7}/f${at}`, content: "x" }))),
    );
    const results = await Promise.all([1, 2, 3, 4].map(() => ensureInProcess([scene.store, scene.tarball])));
    expect(new Set(results.map(({ path }) => path)).size).toBe(1);
    expect(Object.keys(listing(String(results[0]?.path)))).toHaveLength(307);
    expect(readdirSync(join(scene.store, "tmp"))).toEqual([]);
    expect(readdirSync(join(scene.store, "rootfs"))).toHaveLength(1);
  });

  test.skipIf(!ROOT)("works, and cleans up, without any privilege (skipped unless run by root)", async () => {
    using scene = new Scene(
      tar(
        { name: "locked/", type: "5", mode: 0o500 },
        { name: "locked/none/", type: "5", mode: 0 },
        { name: "locked/none/f", content: "1", mode: 0 },
        { name: "locked/none/h", type: "1", linkname: "locked/none/f" },
        { name: "./", type: "5", mode: 0o555 },
      ),
    );
    const bad = join(scene.path, "bad.tar");
    writeFileSync(bad, tar({ name: "a/b/", type: "5", mode: 0 }, { name: "a/", type: "5", mode: 0 }, { name: "../x" }));
    mkdirSync(scene.store, { mode: 0o777 });
    chmodSync(scene.store, 0o777);
    chmodSync(scene.path, 0o755);
    const nobody = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--inh-caps=-all"];
    expect((await ensureInProcess([scene.store, bad], nobody)).cause).toContain("'..'");
    scene.expectNothingLeft();
    const { path } = await ensureInProcess([scene.store, scene.tarball], nobody);
    expect(lstatSync(join(String(path), "locked/none/f"))).toMatchObject({ uid: NOBODY, nlink: 2 });
    expect(lstatSync(join(String(path), "locked/none")).mode & 0o7777).toBe(0);
  });
});

describe.skipIf(!minirootfs)(`ensureRootfs of an Alpine release${whySkipped}`, () => {
  const bytes = async (): Promise<Uint8Array> => await Bun.file(minirootfs ?? "").bytes();
  const embedded: EmbeddedAlpine = { version: "3.20.3", arch: "x86_64", read: bytes };

  test("uses the tarball in the program and no network", async () => {
    using scene = new Scene();
    const rootfs = await scene.ensureAlpine("", { embedded, mirror: "http://127.0.0.1:1" });
    expect(rootfs.name).toBe("alpine:3.20.3");
    expect(await Bun.file(join(rootfs.path, "etc/alpine-release")).text()).toBe("3.20.3\n");
  });

  test("does not touch the tarball in the program once it is unpacked", async () => {
    using scene = new Scene();
    const first = await scene.ensureAlpine("", { embedded });
    const before = stamps(scene.store);
    const read = (): never => expect.unreachable();
    expect(await scene.ensureAlpine("", { embedded: { ...embedded, read } })).toEqual(first);
    expect(stamps(scene.store)).toEqual(before);
  });

  test("refuses a tarball in the program that is not the pinned one", async () => {
    using scene = new Scene();
    const damaged = { ...embedded, read: async (): Promise<Uint8Array> => (await bytes()).fill(0, 100, 101) };
    expect((await scene.failure(scene.ensureAlpine("", { embedded: damaged }))).cause).toContain("pinned digest");
    scene.expectNothingLeft();
  });

  test("downloads it, and leaves the tarball nowhere", async () => {
    using scene = new Scene();
    const stages: Progress["kind"][] = [];
    using mirror = await serve(await bytes());
    const rootfs = await scene.ensureAlpine("3.20", { mirror: mirror.url, progress: ({ kind }) => stages.push(kind) });
    expect(await Bun.file(join(rootfs.path, "etc/alpine-release")).text()).toBe("3.20.3\n");
    expect([...new Set(stages)]).toEqual(["download", "unpack", "finished"]);
    expect(readdirSync(join(scene.store, "rootfs"))).toHaveLength(1);
    expect(readdirSync(join(scene.store, "tmp"))).toEqual([]);
    expect(mirror.requests()).toBe(1);
  });

  test("of two processes one downloads and the other waits", async () => {
    using scene = new Scene();
    using mirror = await serve(await bytes());
    const results = await Promise.all([1, 2].map(() => ensureInProcess([scene.store, "alpine:3.20.3", mirror.url])));
    expect(results[0]?.path).toBe(results[1]?.path);
    expect(mirror.requests()).toBe(1);
  });

  test("leaves nothing of a download that is not the pinned file", async () => {
    using scene = new Scene();
    using mirror = await serve(ARCHIVE);
    expect((await scene.failure(scene.ensureAlpine("3.20.3", { mirror: mirror.url }))).cause).toContain("is pinned");
    scene.expectNothingLeft();
  });
});

async function serve(body: Uint8Array): Promise<Disposable & { readonly url: string; requests(): number }> {
  let requests = 0;
  const server = createServer((_, response) => {
    requests++;
    response.setHeader("content-length", body.length).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, requests: () => requests, [Symbol.dispose]: () => void server.close() };
}
