// Stores that cannot take what is put into them: full, read-only, another user's. Each is an error that says what to do, and leaves
// the store whole.
import { describe, expect, test } from "bun:test";
import { chmodSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { minirootfs } from "../fixtures/rootfs-builder/minirootfs.ts";
import { asRoot, testWhere } from "../support/test_where.ts";
import { SANDBOX, workspace } from "../support/workspace.ts";

const here = workspace();
const SCRIPT = join(import.meta.dir, "../fixtures/rootfs-builder/fill_disk.ts");
const withAlpine = testWhere(minirootfs ? undefined : "no Alpine minirootfs");
const unprivileged = testWhere(minirootfs ? undefined : "no Alpine minirootfs", asRoot());

/** `argv` where `folder` is a tmpfs of its own. */
function onTmpfs(folder: string, options: string, argv: readonly string[]): readonly string[] {
  const script = `mount -t tmpfs -o ${options} tmpfs "$1" && shift && exec "$@"`;
  return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh", folder, ...argv];
}

describe("a full disk", () => {
  for (const size of ["1m", "3m", "4m"])
    test(`of ${size} is told, the store stays whole, and works again when there is space`, async () => {
      const folder = here.folder(`full-${size}`);
      const { stdout, stderr } = await here.host(onTmpfs(folder, `size=${size}`, [process.execPath, SCRIPT, folder]));
      expect(stderr).toBe("");
      const { told, problems, made } = JSON.parse(stdout);
      expect(told).toMatchObject({ step: "pull", cause: expect.stringContaining("no space left on the disk") });
      expect(told.hint).toContain(folder);
      expect(problems).toEqual([]);
      expect(made).toBe(1);
    });

  test("without free inodes is told as well", async () => {
    const folder = here.folder("inodes");
    const { stdout } = await here.host(onTmpfs(folder, "nr_inodes=500", [process.execPath, SCRIPT, folder]));
    const { told, problems } = JSON.parse(stdout);
    expect(told.cause).toContain("no space left on the disk");
    expect(problems).toEqual([]);
  });
});

describe("run, with a store", () => {
  const alpine = ["--rootfs", minirootfs ?? "", "--userns", "single", "--", "true"];

  unprivileged("that may not be written to", async () => {
    const store = here.folder("closed");
    chmodSync(store, 0o500);
    const { code, stderr } = await here.run(["--store", store, ...alpine]);
    expect(code).toBe(125);
    expect(stderr).toContain("permission is denied");
    expect(stderr).toContain(`The store is ${store}: it must be yours and writable`);
  });

  unprivileged("of another user's", async () => {
    const { code, stderr } = await here.run(["--store", "/var", ...alpine]);
    expect(code).toBe(125);
    expect(stderr).toContain("it belongs to uid 0, and this is uid");
    expect(stderr).toContain("--store DIR");
  });

  withAlpine("that is a file", async () => {
    const { code, stderr } = await here.run(["--store", here.file("file"), ...alpine]);
    expect(code).toBe(125);
    expect(stderr).toContain("Cannot");
  });

  withAlpine("of a later format", async () => {
    here.file("later/version", "7\n");
    const { code, stderr } = await here.run(["--store", join(here.dir, "later"), ...alpine]);
    expect(code).toBe(125);
    expect(stderr).toContain("it has format 7, and this program knows 1");
    expect(readdirSync(join(here.dir, "later"))).toEqual(["version"]);
  });

  withAlpine("that is read-only runs what is in it", async () => {
    const store = here.folder("readonly");
    expect((await here.run(["--store", store, ...alpine])).code).toBe(0);
    const script = `mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"`;
    const argv = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh", store];

    const { code, stderr } = await here.host([...argv, SANDBOX, "run", "--store", store, ...alpine]);
    expect([code, stderr]).toEqual([0, ""]);
    const other = here.file("other.tar", "x".repeat(10_240));
    const failed = await here.host([...argv, SANDBOX, "run", "--store", store, "--rootfs", other, "--", "true"]);
    expect(failed.stderr).toContain("mounted read-only");
  });
});
