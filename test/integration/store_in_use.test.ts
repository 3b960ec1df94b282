// What a sandbox runs in stays in the store for as long as it runs, whoever waits for it, and no longer.
import { describe, expect, test } from "bun:test";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type CollectOptions, collect } from "../../rootfs-builder/store/gc.ts";
import { performJob } from "../../rootfs-builder/store/perform_job.ts";
import { minirootfs } from "../fixtures/rootfs-builder/minirootfs.ts";
import { LineReader } from "../support/line_reader.ts";
import { testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const withAlpine = testWhere(minirootfs ? undefined : "no Alpine minirootfs");
const ARGS = ["--rootfs", minirootfs ?? "", "--userns", "single"];
const store = join(here.data, "sandbox");

const ALL: CollectOptions = {
  store,
  run: performJob,
  now: Date.now() + 1e9,
  grace: 0,
  rootfs: "drop",
  layerBlobs: "drop",
  partials: "drop",
  dryRun: false,
};

describe("a collection of everything that is not in use", () => {
  withAlpine("leaves the root file system of a sandbox that runs, and takes it when that has ended", async () => {
    const child = here.start([...ARGS, "--", "sh", "-c", "echo ready; cat; echo still; ls /etc/alpine-release"]);
    const lines = new LineReader(child.stdout);
    expect(await lines.next()).toBe("ready");
    expect((await collect(ALL)).rootfs).toEqual([]);
    child.stdin.end();
    expect(await lines.next()).toBe("still");
    expect(await lines.next()).toBe("/etc/alpine-release");
    expect(await child.exited).toBe(0);
    const [digest, ...others] = (await collect(ALL)).rootfs;
    expect(others).toEqual([]);
    expect(digest).toStartWith("sha256-");
    expect([
      ...readdirSync(join(store, "rootfs")),
      ...readdirSync(join(store, "tmp")),
      ...readdirSync(join(store, "index")),
    ]).toEqual([]);
    // And it comes again.
    expect((await here.run([...ARGS, "--", "true"])).code).toBe(0);
  });

  withAlpine("takes it at once when the sandbox was killed", async () => {
    const child = here.start([...ARGS, "--", "sh", "-c", "echo ready; cat"]);
    expect(await new LineReader(child.stdout).next()).toBe("ready");
    child.kill("SIGKILL");
    await child.exited;
    expect((await collect(ALL)).rootfs.length).toBe(1);
  });

  withAlpine("leaves what an environment was made on", async () => {
    expect((await here.run([...ARGS, "--persist", "dev", "--", "true"])).code).toBe(0);
    expect((await collect(ALL)).rootfs).toEqual([]);
    rmSync(join(store, "persist/dev/base"));
    expect((await collect(ALL)).rootfs.length).toBe(1);
  });
});

withAlpine("an environment is not used on another base, and the error names both", async () => {
  expect((await here.run([...ARGS, "--persist", "bound", "--", "true"])).code).toBe(0);
  const tree = here.folder("tree");
  here.file("tree/bin/true", "");
  const { code, stderr } = await here.run(["--rootfs", tree, "--persist", "bound", "--", "/bin/true"]);
  expect(code).toBe(125);
  expect(stderr).toContain("Cannot use the environment bound (--persist)");
  expect(stderr).toContain(`it was made on ${minirootfs}`);
  expect(stderr).toContain(`this run is on ${tree}`);
});

test("collecting a store that is not there makes an empty one and finds nothing", async () => {
  const place = join(here.root, "none");
  expect(await collect({ ...ALL, store: place })).toMatchObject({ layers: [], rootfs: [], blobs: [], freed: 0 });
});
