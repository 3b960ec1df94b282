// kill -9 at any moment of a pull: the next one succeeds, nothing is damaged, and nothing stays but the beginnings of downloads. The
// moments are drawn by a seed, between the first line of work and the end of an undisturbed pull.
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { O_DIRECTORY, O_RDONLY, open } from "../../ffi/file.ts";
import { pullImage } from "../../rootfs-builder/pull_image.ts";
import { checkStore } from "../../rootfs-builder/store/check.ts";
import { storeJobs } from "../../src/cli/store_jobs.ts";
import { fakeSource, seededImage } from "../fixtures/rootfs-builder/fake_image.ts";
import { JOB_PROGRAM } from "../fixtures/rootfs-builder/job_program.ts";
import { random } from "../fixtures/rootfs-builder/random.ts";
import { marked } from "../support/processes.ts";
import { asRoot, noIdRange, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const [LAYERS, FILES] = [3, 25];
const SCRIPT = join(import.meta.dir, "../fixtures/rootfs-builder/pull.ts");
const caller = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, env: process.env };
const withRange = testWhere(noIdRange(), asRoot());

type Mode = "single" | "range";

function spawnPull(store: string, seed: number, mode: Mode, name = `image-${seed}`) {
  const args = [store, String(seed), String(LAYERS), String(FILES), name, mode];
  return Bun.spawn([process.execPath, SCRIPT, ...args], { stdout: "pipe", stderr: "pipe" });
}

/** The reader of a child's output, once it has said that its modules are loaded. */
async function ready(child: ReturnType<typeof spawnPull>): Promise<void> {
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  if (!new TextDecoder().decode(value).startsWith("ready")) throw new Error(await new Response(child.stderr).text());
}

/** Milliseconds from `ready` to the end. */
async function undisturbed(store: string, mode: Mode): Promise<number> {
  const child = spawnPull(store, 1_000_000, mode);
  await ready(child);
  const start = performance.now();
  expect(await child.exited).toBe(0);
  return performance.now() - start;
}

/** Milliseconds that a pull took which was complete before its moment came; `undefined` for one that was killed. */
async function killAt(store: string, seed: number, mode: Mode, delay: number): Promise<number | undefined> {
  const child = spawnPull(store, seed, mode);
  await ready(child);
  const start = performance.now();
  await Promise.race([Bun.sleep(delay), child.exited]);
  child.kill("SIGKILL");
  await child.exited;
  return child.signalCode === "SIGKILL" ? undefined : performance.now() - start;
}

/** Pulls the image that the killed process was at; then the store must be whole and empty of anybody's work. */
async function expectRecovery(store: string, seed: number, mode: Mode): Promise<void> {
  const { run, ownership } = storeJobs(caller, mode, JOB_PROGRAM);
  const limits = { bytes: 2 ** 30, entries: 10_000 };
  const image = seededImage(seed, LAYERS, FILES);
  const { made, found } = await pullImage(`image-${seed}`, fakeSource(image), {
    store,
    run,
    ownership,
    limits,
    now: Date.now,
  });
  expect(made + found).toBe(LAYERS);
  const { problems } = await checkStore({ store, run, repair: false, now: Date.now() + 60_000 });
  expect(problems).toEqual([]);
  for (const folder of ["tmp", "lock"]) expect([folder, ...readdirSync(join(store, folder))]).toEqual([folder]);
}

/** How many pulls were killed. What one takes changes with the machine's load, so the moments follow. */
async function killMany(moments: number, mode: Mode, seed: number): Promise<number> {
  const dice = random(seed);
  let killed = 0;
  let length = await undisturbed(join(here.root, `measure-${mode}`), mode);
  for (let moment = 0; killed < moments && moment < 2 * moments; moment++) {
    // A store has survived several before it goes.
    const store = join(here.root, `${mode}-${Math.floor(moment / 5)}`);
    const complete = await killAt(store, moment, mode, (dice.below(1000) / 1000) * length);
    if (complete === undefined) killed++;
    length = complete ?? length * 1.02;
    await expectRecovery(store, moment, mode);
    if (moment % 5 === 4) await remove(store);
  }
  return killed;
}

/** By the store's own means: folders in it may not be written to. */
async function remove(store: string): Promise<void> {
  using folder = open(here.root, O_RDONLY | O_DIRECTORY);
  await storeJobs(caller, "auto", JOB_PROGRAM).run({ kind: "remove", folder: folder.number, name: basename(store) });
}

function expectNoTrace(): void {
  expect(marked(here.root)).toEqual([]);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(here.root);
}

describe("kill -9", () => {
  test("at 200 random moments of a pull, seed 20", async () => {
    expect(await killMany(200, "single", 20)).toBe(200);
    expectNoTrace();
  }, 600_000);

  withRange(
    "at 20 random moments of a pull whose layers are unpacked as root, seed 21",
    async () => {
      expect(await killMany(20, "range", 21)).toBe(20);
      expectNoTrace();
    },
    600_000,
  );
});

test("20 processes that want the same image make each layer once", async () => {
  const store = join(here.root, "together");
  const children = Array.from({ length: 20 }, (_, at) => spawnPull(store, 77, "single", `name-${at}`));
  const outputs = await Promise.all(children.map((child) => new Response(child.stdout).text()));
  expect(await Promise.all(children.map(({ exited }) => exited))).toEqual(children.map(() => 0));
  const results = outputs.map(
    (text) => JSON.parse(text.trim().split("\n")[1] ?? "") as { made: number; found: number },
  );
  expect(results.reduce((sum, { made }) => sum + made, 0)).toBe(LAYERS);
  expect(results.every(({ made, found }) => made + found === LAYERS)).toBe(true);
  expect(readdirSync(join(store, "images")).length).toBe(20);
  await expectRecovery(store, 77, "single");
}, 120_000);
