// Persistent environments, their upper layers made by hand as overlayfs makes them.
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { O_DIRECTORY, O_RDONLY, open } from "../../../../ffi/file.ts";
import { getAttribute, makeCharacterDevice, setAttribute } from "../../../../ffi/node_at.ts";
import { RootfsError } from "../../../../rootfs-builder/rootfs_error.ts";
import { checkStore } from "../../../../rootfs-builder/store/check.ts";
import { compareTrees } from "../../../../rootfs-builder/store/compare_trees.ts";
import {
  diffEnvironment,
  listEnvironments,
  removeEnvironment,
  removeSnapshot,
  resetEnvironment,
  restoreEnvironment,
  snapshotEnvironment,
} from "../../../../rootfs-builder/store/environments.ts";
import { type EnvironmentBase, openEnvironment } from "../../../../rootfs-builder/store/open_environment.ts";
import { performJob } from "../../../../rootfs-builder/store/perform_job.ts";
import { TemporaryFolder } from "../../../fixtures/rootfs-builder/temporary_folder.ts";
import { tree } from "../../../fixtures/rootfs-builder/tree.ts";

const OTHER: EnvironmentBase = { kind: "rootfs", name: "alpine:3.22.6", digest: `sha512-${"b".repeat(64)}` };

class Scene extends TemporaryFolder {
  readonly store = join(this.path, "store");
  readonly base = join(this.path, "base");

  constructor() {
    super();
    mkdirSync(join(this.base, "etc/deep"), { recursive: true });
    for (const name of ["etc/motd", "etc/hosts", "etc/deep/a", "gone"]) writeFileSync(join(this.base, name), name);
  }

  get from(): EnvironmentBase {
    return { kind: "folder", name: this.base };
  }

  /** The environment `dev`, with changes in it and closed again. */
  changed(): this {
    openEnvironment(this.store, "dev", this.from).lock.close();
    mkdirSync(this.upper("etc/deep"), { recursive: true });
    writeFileSync(this.upper("etc/motd"), "changed");
    writeFileSync(this.upper("new"), "new", { mode: 0o640 });
    linkSync(this.upper("new"), this.upper("twin"));
    symlinkSync("/nowhere", this.upper("link"));
    this.whiteout("", "gone");
    this.mark("etc/deep", "user.overlay.opaque", "y");
    writeFileSync(this.upper("etc/deep/b"), "");
    utimesSync(this.upper("etc/deep"), 5, 5);
    return this;
  }

  upper(name: string): string {
    return join(this.store, "persist/dev/upper", name);
  }

  whiteout(folder: string, name: string): void {
    using at = open(this.upper(folder), O_RDONLY | O_DIRECTORY);
    makeCharacterDevice(at.number, new TextEncoder().encode(name), { major: 0, minor: 0 });
  }

  mark(name: string, attribute: string, value: string): void {
    using at = open(this.upper(name), O_RDONLY);
    setAttribute(at.number, name, attribute, new TextEncoder().encode(value));
  }

  attribute(path: string, attribute: string): string {
    using at = open(path, O_RDONLY);
    return new TextDecoder().decode(getAttribute(at.number, path, attribute));
  }

  async diff(): Promise<readonly string[]> {
    return (await diffEnvironment(this.store, "dev", performJob)).map(
      ({ change, path, type }) => `${change} ${type} ${path}`,
    );
  }

  async failure(work: () => unknown): Promise<RootfsError> {
    try {
      await work();
    } catch (error) {
      if (error instanceof RootfsError) return error;
      throw error;
    }
    throw new Error("it did not fail");
  }

  temporary(): readonly string[] {
    return [...readdirSync(join(this.store, "tmp")), ...readdirSync(join(this.store, "lock"))];
  }
}

describe("openEnvironment", () => {
  test("makes it the first time, and is then alone with it", async () => {
    using scene = new Scene();
    const first = openEnvironment(scene.store, "dev", scene.from);
    expect(readdirSync(first.path).sort()).toEqual(["base", "upper", "work"]);
    expect(statSync(first.path).mode & 0o777).toBe(0o700);
    expect((await scene.failure(() => openEnvironment(scene.store, "dev", scene.from))).cause).toBe(
      "another sandbox is using it",
    );
    first.lock.close();
    openEnvironment(scene.store, "dev", scene.from).lock.close();
  });

  test("on another base is an error that names both", async () => {
    using scene = new Scene().changed();
    const { cause, hint } = await scene.failure(() => openEnvironment(scene.store, "dev", OTHER));
    expect(cause).toContain(scene.base);
    expect(cause).toContain("alpine:3.22.6 (sha512-bbbbbbbbbbbb...)");
    expect(hint).toContain("sandbox env reset dev");
    // The error has let go of it.
    openEnvironment(scene.store, "dev", scene.from).lock.close();
  });

  test("from before bases were noted takes the first base that comes", async () => {
    using scene = new Scene().changed();
    rmSync(join(scene.store, "persist/dev/base"));
    openEnvironment(scene.store, "dev", OTHER).lock.close();
    expect((await scene.failure(() => openEnvironment(scene.store, "dev", scene.from))).cause).toContain(
      "alpine:3.22.6",
    );
  });
});

describe("diff", () => {
  test("tells what was added, changed and deleted, and nothing of folders on the way", async () => {
    using scene = new Scene().changed();
    expect(await scene.diff()).toEqual([
      "deleted file etc/deep/a",
      "added file etc/deep/b",
      "changed file etc/motd",
      "deleted file gone",
      "added symlink link",
      "added file new",
      "added file twin",
    ]);
  });

  test("a folder is changed by its mode, and added whole", async () => {
    using scene = new Scene().changed();
    chmodSync(scene.upper("etc"), 0o700);
    mkdirSync(scene.upper("whole/of/it"), { recursive: true });
    expect(await scene.diff()).toContain("changed directory etc");
    expect((await scene.diff()).filter((line) => line.includes("whole"))).toEqual(["added directory whole"]);
  });

  test("sees a base of several layers as overlayfs does", () => {
    using folder = new TemporaryFolder();
    const layer = (name: string, ...paths: readonly string[]): number => {
      for (const path of paths) {
        mkdirSync(join(folder.path, name, path, ".."), { recursive: true });
        writeFileSync(join(folder.path, name, path), "");
      }
      return open(join(folder.path, name), O_RDONLY | O_DIRECTORY).release();
    };
    const bottom = layer("bottom", "a/hidden", "a/seen", "deleted", "b/cut");
    const top = layer("top", "a/top", "b/top");
    const upper = layer("upper", "a/seen", "a/top", "a/hidden", "deleted", "b/cut");
    makeCharacterDevice(top, new TextEncoder().encode("deleted"), { major: 0, minor: 0 });
    using opaque = open(join(folder.path, "top/b"), O_RDONLY);
    setAttribute(opaque.number, "b", "user.overlay.opaque", new TextEncoder().encode("y"));
    const changes = compareTrees(upper, [top, bottom]).map(({ change, path }) => `${change} ${path}`);
    expect(changes).toEqual(["changed a/hidden", "changed a/seen", "changed a/top", "added b/cut", "added deleted"]);
  });
});

describe("snapshots", () => {
  test("come back as they were, whiteouts, marks, links and times included", async () => {
    using scene = new Scene().changed();
    const before = tree(join(scene.store, "persist/dev/upper"));
    const diff = await scene.diff();
    await snapshotEnvironment(scene.store, "dev", "v1", performJob);
    writeFileSync(scene.upper("new"), "later");
    rmSync(scene.upper("gone"));
    await restoreEnvironment(scene.store, "dev", "v1", performJob);
    expect(tree(join(scene.store, "persist/dev/upper"))).toEqual(before);
    expect(await scene.diff()).toEqual(diff);
    expect(scene.attribute(scene.upper("etc/deep"), "user.overlay.opaque")).toBe("y");
    expect(statSync(scene.upper("new")).ino).toBe(statSync(scene.upper("twin")).ino);
    expect(scene.temporary()).toEqual([]);
    openEnvironment(scene.store, "dev", scene.from).lock.close();
  });

  test("of files that their owner may neither read nor write come back with their attributes", async () => {
    using scene = new Scene().changed();
    for (const [name, mode] of [
      ["closed", 0],
      ["readonly", 0o444],
    ] as const) {
      writeFileSync(scene.upper(name), name);
      scene.mark(name, "user.note", name);
      chmodSync(scene.upper(name), mode);
    }
    mkdirSync(scene.upper("shut/inside"), { recursive: true });
    chmodSync(scene.upper("shut"), 0);
    expect(await scene.diff()).toContain("added directory shut");
    await snapshotEnvironment(scene.store, "dev", "v1", performJob);
    await resetEnvironment(scene.store, "dev", performJob);
    await restoreEnvironment(scene.store, "dev", "v1", performJob);
    expect(statSync(scene.upper("shut")).mode & 0o777).toBe(0);
    chmodSync(scene.upper("shut"), 0o700);
    expect(readdirSync(scene.upper("shut"))).toEqual(["inside"]);
    expect([statSync(scene.upper("closed")).mode & 0o777, statSync(scene.upper("readonly")).mode & 0o777]).toEqual([
      0, 0o444,
    ]);
    chmodSync(scene.upper("closed"), 0o400);
    expect(readFileSync(scene.upper("closed"), "utf8")).toBe("closed");
    for (const name of ["closed", "readonly"]) expect(scene.attribute(scene.upper(name), "user.note")).toBe(name);
  });

  test("bring an environment back that was reset or is on another base by now", async () => {
    using scene = new Scene().changed();
    await snapshotEnvironment(scene.store, "dev", "v1", performJob);
    await resetEnvironment(scene.store, "dev", performJob);
    expect(readdirSync(join(scene.store, "persist/dev/upper"))).toEqual([]);
    openEnvironment(scene.store, "dev", OTHER).lock.close();
    await restoreEnvironment(scene.store, "dev", "v1", performJob);
    openEnvironment(scene.store, "dev", scene.from).lock.close();
    expect(readFileSync(scene.upper("etc/motd"), "utf8")).toBe("changed");
  });

  test("a tag is taken once, and free when it is removed", async () => {
    using scene = new Scene().changed();
    await snapshotEnvironment(scene.store, "dev", "v1", performJob);
    expect((await scene.failure(() => snapshotEnvironment(scene.store, "dev", "v1", performJob))).cause).toContain(
      "there is one",
    );
    await removeSnapshot(scene.store, "dev", "v1", performJob);
    expect(readdirSync(join(scene.store, "snapshots"))).toEqual([]);
    await snapshotEnvironment(scene.store, "dev", "v1", performJob);
  });

  test.each(["../x", "", "a/b"])("the tag %j is refused", async (tag) => {
    using scene = new Scene().changed();
    await scene.failure(() => snapshotEnvironment(scene.store, "dev", tag, performJob));
    await scene.failure(() => restoreEnvironment(scene.store, "dev", tag, performJob));
  });
});

describe("an environment that a sandbox is using", () => {
  test.each<[string, (store: string) => Promise<unknown>]>([
    ["removed", (store) => removeEnvironment(store, "dev", performJob)],
    ["reset", (store) => resetEnvironment(store, "dev", performJob)],
    ["snapshot", (store) => snapshotEnvironment(store, "dev", "v2", performJob)],
    ["restored", (store) => restoreEnvironment(store, "dev", "v1", performJob)],
    ["compared", (store) => diffEnvironment(store, "dev", performJob)],
  ])("is not %s", async (_, verb) => {
    using scene = new Scene().changed();
    await snapshotEnvironment(scene.store, "dev", "v1", performJob);
    const user = openEnvironment(scene.store, "dev", scene.from);
    const before = tree(join(scene.store, "persist/dev"));
    expect((await scene.failure(() => verb(scene.store))).cause).toBe("another sandbox is using it");
    expect(tree(join(scene.store, "persist/dev"))).toEqual(before);
    expect((await listEnvironments(scene.store, performJob))[0]?.inUse).toBe(true);
    user.lock.close();
    await verb(scene.store);
  });
});

test("environments are listed with their snapshots, and removed with them", async () => {
  using scene = new Scene().changed();
  await snapshotEnvironment(scene.store, "dev", "v1", performJob);
  const [listed, ...others] = await listEnvironments(scene.store, performJob);
  expect(others).toEqual([]);
  expect(listed).toMatchObject({
    name: "dev",
    base: scene.from,
    inUse: false,
    snapshots: [{ tag: "v1", base: scene.from }],
  });
  expect(listed?.disk).toBeGreaterThan(0);
  expect(await checkStore({ store: scene.store, run: performJob, repair: false, now: Date.now() })).toMatchObject({
    environments: 1,
    problems: [],
  });
  await removeEnvironment(scene.store, "dev", performJob);
  expect(await listEnvironments(scene.store, performJob)).toEqual([]);
  expect(readdirSync(join(scene.store, "snapshots"))).toEqual([]);
  expect(scene.temporary()).toEqual([]);
  expect(existsSync(scene.base)).toBe(true);
});

test("one that is not there is an error that names it", async () => {
  using scene = new Scene();
  for (const verb of [removeEnvironment, resetEnvironment, diffEnvironment])
    expect((await scene.failure(() => verb(scene.store, "none", performJob))).object).toContain("none");
});

test("one whose base is gone is a problem that check tells", async () => {
  using scene = new Scene();
  openEnvironment(scene.store, "dev", OTHER).lock.close();
  const { problems } = await checkStore({ store: scene.store, run: performJob, repair: true, now: Date.now() });
  expect(problems).toMatchObject([{ kind: "dangling-environment", object: "dev", repaired: false }]);
});
