// `sandbox run --name`: what is written down of sandboxes that run, where, and that nothing of it stays.
import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Children } from "../support/children.ts";
import { noTun } from "../support/net_namespace.ts";
import { eventually, gone, pssOf, untilWaiter, withDescendants } from "../support/processes.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { SANDBOX, type Started, workspace } from "../support/workspace.ts";

const here = workspace();
const children = new Children(here);
const FOLDER = join(here.runtime, "sandbox/sandboxes");

afterEach(async () => {
  await children.end();
  await here.sandbox(["port", "ls"]);
});

const ids = (): readonly string[] => (existsSync(FOLDER) ? readdirSync(FOLDER) : []);

/** A named sandbox whose command runs and waits for the end of its input. */
async function named(name: string, flags: readonly string[] = []): Promise<{ child: Started; id: string }> {
  const before = ids();
  const child = await children.ready(["--name", name, ...flags, "--", "sh", "-c", "echo ready; cat"]);
  const [id = ""] = ids().filter((one) => !before.includes(one));
  return { child, id };
}

const stateOf = (id: string) => JSON.parse(readFileSync(join(FOLDER, id, "state.json"), "utf8"));
const runningState = (id: string) =>
  eventually(
    () => stateOf(id),
    ({ status }) => status === "running",
  );

describe("a named sandbox", () => {
  test("is written down, for its user alone", async () => {
    const { child, id } = await named("web", ["--net", "none"]);
    const state = await runningState(id);
    const [, init] = withDescendants(child.pid);
    expect(id).toMatch(/^[0-9a-f]{12}$/);
    expect(state).toMatchObject({
      ociVersion: "1.2.0",
      id,
      name: "web",
      status: "running",
      pid: init,
      command: ["sh", "-c", "echo ready; cat"],
      network: { mode: "none" },
    });
    const stat = readFileSync(`/proc/${init}/stat`, "utf8");
    expect(state.startTime).toBe(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
    expect(Math.abs(Date.now() - Date.parse(state.created))).toBeLessThan(60_000);
    for (const path of [FOLDER, join(FOLDER, id)]) expect(statSync(path).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(join(FOLDER, id))) expect(statSync(join(FOLDER, id, file)).mode & 0o077).toBe(0);
  });

  test("costs no more than the waiter, which holds its lock", async () => {
    const { child } = await named("small", ["--net", "none"]);
    await untilWaiter(child.pid);
    expect(pssOf(child.pid)).toBeLessThan(100);
  });

  test("without a name nothing is written down", async () => {
    rmFolder();
    expect((await here.run(["--", "true"])).code).toBe(0);
    expect(existsSync(join(here.runtime, "sandbox"))).toBe(false);
  });

  test("is gone with its end, whichever that is, for the next who looks", async () => {
    for (const end of ["input", "SIGTERM", "SIGKILL"] as const) {
      const { child, id } = await named("short");
      const family = withDescendants(child.pid);
      if (end === "input") await child.stdin.end();
      else child.kill(end);
      await child.exited;
      expect(family.filter((pid) => !gone(pid))).toEqual([]);
      const { code, stderr } = await here.sandbox(["port", "ls", "short"]);
      expect({ end, code }).toEqual({ end, code: 125 });
      expect(stderr).toContain("none of that name or id is running");
      expect(ids()).not.toContain(id);
    }
  });

  test("one with a supervisor of its own removes itself", async () => {
    expect((await here.run(["--name", "own", "-t", "--", "true"])).code).toBe(0);
    expect(ids()).toEqual([]);
    expect((await here.run(["--name", "own", "--", "/nowhere"])).code).toBe(127);
    expect(ids()).toEqual([]);
  });

  test("has its name for itself, and leaves it to the next", async () => {
    const { child, id } = await named("mine");
    const { code, stderr } = await here.run(["--name", "mine", "--", "touch", "started"]);
    expect(code).toBe(125);
    expect(stderr).toBe(
      `sandbox: Cannot call a sandbox mine (--name): sandbox ${id} has that name\n  take another, or end that one first\n`,
    );
    expect(existsSync(join(here.dir, "started"))).toBe(false);
    child.kill("SIGKILL");
    await child.exited;
    expect((await here.run(["--name", "mine", "--", "true"])).code).toBe(0);
  });

  test("leaves it to the next at once: 100 in a row", async () => {
    for (let i = 0; i < 100; i++) expect((await here.run(["--name", "again", "--", "true"])).code).toBe(0);
  }, 60_000);

  test("of 16 that want one name at once, one has it", async () => {
    const all = Array.from({ length: 16 }, () => children.start(["--name", "wanted", "--", "cat"]));
    await eventually(
      () => all.filter(({ exitCode }) => exitCode !== null).length,
      (ended) => ended === 15,
    );
    for (const { stdin } of all) await stdin.end();
    expect((await Promise.all(all.map(({ exited }) => exited))).sort()).toEqual([0, ...Array(15).fill(125)]);
  });

  test.each([["-web"], ["a/b"], [""], ["x".repeat(64)]])("%p is no name", async (name) => {
    const { code, stderr } = await here.run([`--name=${name}`, "--explain", "--", "true"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Cannot use --name");
  });

  test("a supervisor that is killed while it starts leaves nothing for long", async () => {
    for (let i = 0; i < 10; i++) {
      const child = here.start(["--name", `early-${i}`, "--", "cat"]);
      await eventually(ids, (all) => all.length > 0);
      child.kill("SIGKILL");
      await child.exited;
      // A child that was being set up is killed with it, and has the lock until then.
      await eventually(
        () => Bun.spawnSync([SANDBOX, "internal-names"], { env: here.env }) && ids().length,
        (count) => count === 0,
      );
    }
  });
});

function rmFolder(): void {
  Bun.spawnSync(["rm", "-rf", join(here.runtime, "sandbox")]);
}

describe("the folder", () => {
  test("is not seen from inside, and neither is the lock held there", async () => {
    const script = 'ls -d "$1" 2>&1; ls -l /proc/self/fd /proc/1/fd | grep -c sandboxes; ls /run /tmp';
    const { stdout } = await here.run([
      "--name",
      "blind",
      "--preserve-fds",
      "0",
      "--",
      "sh",
      "-c",
      script,
      "sh",
      FOLDER,
    ]);
    expect(stdout.split("\n").slice(0, 2)).toEqual([`ls: cannot access '${FOLDER}': No such file or directory`, "0"]);
    expect(stdout.split("\n").slice(2).join()).not.toContain("sandboxes");
  });

  test("descriptors that were not given are not those of the lock", async () => {
    const { code } = await here.run(["--name", "forty", "--preserve-fds", "40", "--", "true"]);
    expect(code).toBe(125);
  });

  test("that others may look into is not used", async () => {
    rmFolder();
    mkdirSync(join(here.runtime, "sandbox"));
    chmodSync(join(here.runtime, "sandbox"), 0o777);
    const { code, stderr } = await here.run(["--name", "open", "--", "true"]);
    rmFolder();
    expect(code).toBe(125);
    expect(stderr).toContain(`Cannot keep the state of sandboxes in ${here.runtime}/sandbox: others may look into it`);
    expect(stderr).toContain("export XDG_RUNTIME_DIR=");
  });

  testWhere(noTun())("a path longer than a socket's may be is no hindrance", async () => {
    const long = join(here.root, "x".repeat(120));
    mkdirSync(long, { mode: 0o700 });
    const env = { XDG_RUNTIME_DIR: long };
    await children.ready(["--net", "slirp", "--name", "far", "--", "sh", "-c", "echo ready; cat"], {
      env,
    });
    const { stdout } = await here.sandbox(["port", "add", "far", "80"], { env });
    expect(stdout).toMatch(/^127\.0\.0\.1:\d+ -> 80\/tcp\n$/);
  });
});

describe("what sandboxes are called", () => {
  testWhere(absent("bash"))("completion offers", async () => {
    const { id } = await named("offered", ["--net", "none"]);
    await named("other");
    expect((await here.sandbox(["internal-names"])).stdout).toBe("offered\nother\n");
    expect((await here.sandbox(["port", "ls", id.slice(0, 11)])).stderr).toContain("the sandbox offered");
  });
});
