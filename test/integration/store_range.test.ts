// Files that belong to subordinate ids: only root inside a user namespace that has those ids can read and remove them, and the store
// does so without root outside.
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_WRONLY, open } from "../../ffi/file.ts";
import { ensureRootfs } from "../../rootfs-builder/ensure_rootfs.ts";
import { pullImage } from "../../rootfs-builder/pull_image.ts";
import { checkStore } from "../../rootfs-builder/store/check.ts";
import {
  diffEnvironment,
  listEnvironments,
  removeEnvironment,
  resetEnvironment,
  restoreEnvironment,
  snapshotEnvironment,
} from "../../rootfs-builder/store/environments.ts";
import { collect } from "../../rootfs-builder/store/gc.ts";
import { performJob } from "../../rootfs-builder/store/perform_job.ts";
import { storeJobs } from "../../src/cli/store_jobs.ts";
import { fakeSource, seededImage } from "../fixtures/rootfs-builder/fake_image.ts";
import { JOB_PROGRAM } from "../fixtures/rootfs-builder/job_program.ts";
import { minirootfs } from "../fixtures/rootfs-builder/minirootfs.ts";
import { asRoot, noIdRange, testWhere } from "../support/test_where.ts";
import { SANDBOX, workspace } from "../support/workspace.ts";

const here = workspace();
const withRange = testWhere(noIdRange(), asRoot());
const withAlpine = testWhere(noIdRange(), asRoot(), minirootfs ? undefined : "no Alpine minirootfs");
const caller = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, env: process.env };
const store = join(here.data, "sandbox");

describe.each([
  ["script", JOB_PROGRAM],
  ["binary", { program: SANDBOX, argv: ["sandbox", "internal-store"] }],
])("as root in a namespace, by the %s", (by, program) => {
  const jobs = (): ReturnType<typeof storeJobs> => storeJobs(caller, "range", program);

  withRange("a job's result and its error are those of a job here", async () => {
    here.folder(`${by}/root`);
    here.file(`${by}/tree`, "no description");
    using folder = open(join(here.dir, by), O_RDONLY | O_DIRECTORY);
    const verify = { kind: "verify", folder: folder.number, ownership: "set" } as const;
    const { run } = jobs();
    const expected = await performJob(verify);
    expect(expected.damaged).toBe(true);
    expect(await run(verify)).toEqual(expected);
    rmSync(join(here.dir, by, "tree"));
    await expect(run(verify)).rejects.toThrow("openat tree: ENOENT");
  });

  withAlpine("an environment with files of other ids is listed, compared, copied, reset and removed", async () => {
    const name = `by-${by}`;
    const script =
      "mkdir -m 700 /srv/private && echo x > /srv/private/f && chmod 0 /srv/private/f && chown -R 33:33 /srv/private && rm /etc/motd";
    const range = ["--rootfs", minirootfs ?? "", "--userns", "range", "--persist", name];
    const { code, stderr } = await here.run([...range, "--", "sh", "-c", script]);
    expect([code, stderr.replace(/^Unpacking.*\n/m, "")]).toEqual([0, ""]);
    const upper = join(store, "persist", name, "upper");
    expect(statSync(join(upper, "srv/private")).uid).not.toBe(caller.uid);
    expect(() => readdirSync(join(upper, "srv/private"))).toThrow("EACCES");

    const { run } = jobs();
    const changes = (await diffEnvironment(store, name, run)).map(({ change, path }) => `${change} ${path}`);
    // The sandbox's own: where the file that names the DNS servers is bound to.
    expect(changes.filter((change) => change !== "added etc/resolv.conf")).toEqual([
      "deleted etc/motd",
      "added srv/private",
    ]);
    await snapshotEnvironment(store, name, "v1", run);
    const [listed] = (await listEnvironments(store, run)).filter((environment) => environment.name === name);
    expect(listed?.snapshots[0]?.disk).toBeGreaterThan(0);
    await resetEnvironment(store, name, run);
    expect(readdirSync(upper)).toEqual([]);
    await restoreEnvironment(store, name, "v1", run);
    const seen = await here.run([...range, "--", "sh", "-c", "stat -c %u:%g:%a /srv/private/f; ls /etc/motd"]);
    expect(seen.stdout).toBe("33:33:0\n");
    await removeEnvironment(store, name, run);
    expect([...readdirSync(join(store, "tmp")), ...readdirSync(join(store, "persist"))]).toEqual([]);
  });

  withRange("an image is unpacked, checked, and removed when it is damaged", async () => {
    const place = join(here.root, `pulled-${by}`);
    const { run, ownership } = jobs();
    const image = seededImage(5, 2, 10);
    const options = { store: place, run, ownership, limits: { bytes: 2 ** 30, entries: 1e6 }, now: Date.now };
    expect(await pullImage("a", fakeSource(image), options)).toMatchObject({ made: 2 });
    const check = { store: place, run, repair: false, now: Date.now() };
    expect(await checkStore(check)).toMatchObject({ layers: 2, problems: [] });
    for (const key of readdirSync(join(place, "layers"))) expect(key).toContain("-range-");
    expect(readdirSync(join(place, "tmp"))).toEqual([]);
  });
});

withAlpine("a tarball has a tree for each form of owners, and both are found again", async () => {
  const place = join(here.root, "tarball");
  const { run, ownership } = storeJobs(caller, "range", JOB_PROGRAM);
  const source = { kind: "tar", path: minirootfs ?? "" } as const;
  const options = { store: place, arch: "x86_64", now: Date.now, run } as const;
  for (const form of [ownership, { kind: "single" }] as const) {
    const made = await ensureRootfs(source, { ...options, ownership: form });
    const found = await ensureRootfs(source, { ...options, ownership: form });
    expect(found.path).toBe(made.path);
    expect(made.tree.includes("-range-")).toBe(form.kind === "range");
    for (const { lock } of [made, found]) lock.close();
  }
  const report = await checkStore({ store: place, run, repair: false, now: Date.now() + 60_000 });
  expect(report).toMatchObject({ rootfs: 2, problems: [] });
  const everything = { rootfs: "drop", layerBlobs: "drop", partials: "drop", dryRun: false, grace: 0 } as const;
  expect((await collect({ ...everything, store: place, run, now: Date.now() + 1e9 })).rootfs.length).toBe(2);
  for (const folder of ["rootfs", "index", "tmp", "lock"]) expect(readdirSync(join(place, folder))).toEqual([]);
});

withRange("what a killed process left of other ids is removed by the next one", async () => {
  const { run } = storeJobs(caller, "range", JOB_PROGRAM);
  const place = join(here.root, "garbage");
  const image = seededImage(6, 1, 3);
  const { ownership } = storeJobs(caller, "range", JOB_PROGRAM);
  const options = { store: place, run, ownership, limits: { bytes: 2 ** 30, entries: 1e6 }, now: Date.now };
  await pullImage("a", fakeSource(image), options);
  mkdirSync(join(place, "tmp/removed-0-x"));
  await giveAway(join(place, "tmp/removed-0-x"));
  expect(() => readdirSync(join(place, "tmp/removed-0-x/theirs"))).toThrow("EACCES");
  await pullImage("b", fakeSource(seededImage(7, 1, 3)), options);
  expect(readdirSync(join(place, "tmp"))).toEqual([]);
});

test("without a range, what needs one says so", async () => {
  const { run, ownership } = storeJobs({ ...caller, uid: 4_000_000_000 }, "auto", JOB_PROGRAM);
  expect(ownership).toEqual({ kind: "single" });
  using folder = open(here.dir, O_RDONLY | O_DIRECTORY);
  await expect(run({ kind: "verify", folder: folder.number, ownership: "set" })).rejects.toThrow("no range of ids");
  expect(() => storeJobs({ ...caller, uid: 4_000_000_000 }, "range", JOB_PROGRAM)).toThrow("Cannot map a range of ids");
});

/** A folder `theirs` of a subordinate id in `folder`, with a file in it, closed to all others. */
async function giveAway(folder: string): Promise<void> {
  using _file = open(join(folder, "mine"), O_WRONLY | O_CREAT | O_EXCL, 0o600);
  const script = "mkdir -p /w/theirs/deep && touch /w/theirs/deep/f && chown -R 9:9 /w/theirs && chmod 700 /w/theirs";
  const { code, stderr } = await here.run([
    "--userns",
    "range",
    "--user",
    "0:0",
    "-v",
    `${folder}:/w`,
    "-w",
    "/tmp",
    "--",
    "sh",
    "-c",
    script,
  ]);
  if (code !== 0) throw new Error(stderr);
}
