// How a sandbox ends: with its command, with its supervisor, with its parent; and that nothing of it stays.
import { describe, expect, test } from "bun:test";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LineReader } from "../support/line_reader.ts";
import { eventually, gone, marked, pssOf, untilWaiter, withDescendants } from "../support/processes.ts";
import { SANDBOX, workspace } from "../support/workspace.ts";

const here = workspace();
const TREE = "sleep 1000 & setsid sleep 1000 & (sleep 1000 &) ; echo ready; cat";

describe("the end of the supervisor", () => {
  test("kill -9 of it kills all inside", async () => {
    const child = here.start(["--", "sh", "-c", TREE]);
    const out = new LineReader(child.stdout);
    await out.until("ready");
    const family = withDescendants(child.pid);
    expect(family.length).toBeGreaterThanOrEqual(6);
    child.kill("SIGKILL");
    expect(family.filter((pid) => !gone(pid))).toEqual([]);
    expect(await out.rest()).toBe("");
  });

  test("kill -9 of it at any moment of its start leaves nothing", async () => {
    for (let i = 0; i < 60; i++) {
      const mark = `started-${process.pid}-${i}-`;
      const child = here.start(["--", "sh", "-c", `cat; : ${mark}`]);
      const until = performance.now() + i * 0.25;
      while (performance.now() < until);
      child.kill("SIGKILL");
      // The end of the stream: no process holds the other end any more.
      await new LineReader(child.stdout).rest();
      expect(marked(mark).filter((pid) => !gone(pid))).toEqual([]);
    }
  }, 60_000);

  test("SIGTERM at any moment of its start ends it and leaves nothing", async () => {
    for (let i = 0; i < 60; i++) {
      const mark = `stopped-${process.pid}-${i}-`;
      const child = here.start(["--", "sh", "-c", `cat; : ${mark}`]);
      const until = performance.now() + i * 0.25;
      while (performance.now() < until);
      child.kill("SIGTERM");
      await new LineReader(child.stdout).rest();
      await child.exited;
      expect(child.exitCode ?? child.signalCode).toBeOneOf([143, "SIGTERM"]);
      expect(marked(mark).filter((pid) => !gone(pid))).toEqual([]);
    }
  }, 60_000);

  test("the sandbox ends with the process that started it", async () => {
    const parent = here.start(["--", "sh", "-c", TREE], { via: ["sh", "-c", 'exec 3<&0; "$@" <&3 & wait', "sh"] });
    const out = new LineReader(parent.stdout);
    await out.until("ready");
    const family = withDescendants(parent.pid);
    parent.kill("SIGKILL");
    expect(family.filter((pid) => !gone(pid))).toEqual([]);
  });

  test("with --no-die-with-parent it outlives the process that started it", async () => {
    await here.host(["mkfifo", "gate"]);
    const command = ["sh", "-c", "echo ready; read word < gate; echo $word"];
    const parent = here.start(["--no-die-with-parent", "--", ...command], { via: ["sh", "-c", '"$@" & wait', "sh"] });
    const out = new LineReader(parent.stdout);
    await out.until("ready");
    parent.kill("SIGKILL");
    await parent.exited;
    await here.host(["sh", "-c", "echo alive > gate"]);
    expect(await out.rest()).toBe("alive\n");
  });

  test("kill -9 of it kills all inside with --no-die-with-parent too", async () => {
    const child = here.start(["--no-die-with-parent", "--", "sh", "-c", TREE]);
    await new LineReader(child.stdout).until("ready");
    const family = withDescendants(child.pid);
    child.kill("SIGKILL");
    expect(family.filter((pid) => !gone(pid))).toEqual([]);
  });
});

describe("the end of the command", () => {
  test("ends everything that it has left behind inside", async () => {
    const child = here.start(["--", "sh", "-c", "sleep 1000 & setsid sleep 1000 & echo ready; read word"]);
    const out = new LineReader(child.stdout);
    await out.until("ready");
    const family = withDescendants(child.pid);
    child.stdin.write("on\n");
    expect(await child.exited).toBe(0);
    expect(family.filter((pid) => !gone(pid))).toEqual([]);
    expect(await out.rest()).toBe("");
  });

  test("a thousand orphans are reaped while it runs", async () => {
    const script = `
import os, glob, time
r, w = os.pipe()
for _ in range(1000):
    if os.fork() == 0:
        os.fork() and os._exit(0)
        os._exit(0)
    os.wait()
os.close(w); os.read(r, 1)
def zombies():
    found = 0
    for path in glob.glob("/proc/[0-9]*/stat"):
        try: found += open(path).read().rsplit(") ", 1)[1][0] == "Z"
        except OSError: pass
    return found
end = time.monotonic() + 10
while zombies() and time.monotonic() < end: os.sched_yield()
print(zombies(), len(glob.glob("/proc/[0-9]*")))`;
    expect((await here.run(["--", "python3", "-c", script])).stdout).toBe("0 2\n");
  }, 30_000);

  test("what it closes is closed: no other process holds its standard output", async () => {
    const child = here.start(["--", "sh", "-c", "echo out; exec >&- 2>&-; read word; exit 9"]);
    expect(await new LineReader(child.stdout).rest()).toBe("out\n");
    expect(child.exitCode).toBeNull();
    child.stdin.write("on\n");
    expect(await child.exited).toBe(9);
  });

  test("it does not take more of standard input than it reads", async () => {
    const input = here.file("lines", "one\ntwo\nthree\n");
    const { stdout } = await here.host([
      "sh",
      "-c",
      `{ "$0" run -- sh -c 'read a; echo "inside $a"'; cat; } < ${input}`,
      SANDBOX,
    ]);
    expect(stdout).toBe("inside one\ntwo\nthree\n");
  });
});

describe("exit status", () => {
  const STATUSES = [0, 1, 2, 3, 42, 124, 125, 126, 127, 128, 129, 137, 143, 254, 255];

  test.each(STATUSES)("%i is passed on, with PID 1 of our own and without", async (status) => {
    const command = ["--", "sh", "-c", `exit ${status}`];
    expect((await here.run(command)).code).toBe(status);
    expect((await here.run(["--no-init", ...command])).code).toBe(status);
  });

  test.each([1, 2, 3, 4, 6, 8, 9, 10, 11, 12, 13, 14, 15, 24, 31, 34, 64])(
    "death by signal %i is 128 and the signal's number",
    async (signal) => {
      expect((await here.run(["--ulimit", "core=0", "--", "sh", "-c", `kill -${signal} $$`])).code).toBe(128 + signal);
    },
  );

  test("all 256 come through", async () => {
    const seen = await Promise.all(
      Array.from({ length: 8 }, async (_, lane) => {
        const wrong: number[] = [];
        for (let status = lane; status < 256; status += 8)
          if ((await here.run(["--", "sh", "-c", `exit ${status}`])).code !== status) wrong.push(status);
        return wrong;
      }),
    );
    expect(seen.flat()).toEqual([]);
  }, 60_000);
});

describe("what stays", () => {
  const env = {
    XDG_CACHE_HOME: join(here.root, "cache"),
    XDG_CONFIG_HOME: join(here.root, "config"),
  };
  const sequential = process.env.CI === undefined ? 200 : 500;

  // What of ours there is on the machine.
  function remains(): object {
    const names = (folder: string): readonly string[] => {
      try {
        return readdirSync(folder, { recursive: true }).map(String).sort();
      } catch {
        return [];
      }
    };
    return {
      files: names(here.root),
      tmp: readdirSync("/tmp")
        .filter(
          (name) =>
            name.includes("sandbox") &&
            lstatSync(join("/tmp", name), { throwIfNoEntry: false })?.uid === process.getuid?.(),
        )
        .sort(),
      shm: names("/dev/shm"),
      cgroups: names("/sys/fs/cgroup").filter((name) => /sandbox-[^/]*$/.test(name)),
      mounts: readFileSync("/proc/self/mountinfo", "utf8"),
    };
  }

  test(`${sequential} sandboxes one after the other leave no process, mount, cgroup or file`, async () => {
    const mark = `sequence-${process.pid}`;
    await here.run(["--", "true"], { env });
    const before = remains();
    for (let i = 0; i < sequential; i++)
      expect((await here.run(["--", "sh", "-c", `: ${mark}`], { env })).code).toBe(0);
    expect(marked(mark)).toEqual([]);
    expect(remains()).toEqual(before);
  }, 120_000);

  test("50 sandboxes at a time leave none either, and do not disturb each other", async () => {
    const mark = `parallel-${process.pid}`;
    const before = remains();
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, i) => here.run(["--", "sh", "-c", `echo ${i} $$; exit ${i} # ${mark}`], { env })),
    );
    expect(all).toEqual(all.map((_, i) => ({ code: i, stdout: `${i} 2\n`, stderr: "" })));
    expect(marked(mark)).toEqual([]);
    expect(remains()).toEqual(before);
  }, 60_000);

  test("a sandbox that fails leaves none either, at whichever step", async () => {
    const failing = [
      ["-v", "/etc/passwd:/usr/nothing/here", "--", "true"],
      ["--tmpfs", "/t:mode=0755,size=1", "--mount", "type=tmpfs,dst=/x,nr_inodes=a", "--", "true"],
      ["--", "no-such-command"],
      ["-w", "/no/such/folder", "--", "true"],
      ["--userns", "single", "--uidmap", "0:1:1", "--", "true"],
    ];
    await here.run(["--", "true"], { env });
    const before = remains();
    const mark = `failing-${process.pid}`;
    for (const args of failing) {
      const { code, stderr } = await here.run(args, { env: { ...env, MARK: mark } });
      expect(code).not.toBe(0);
      expect(stderr).toStartWith("sandbox: ");
    }
    expect(marked(mark)).toEqual([]);
    expect(remains()).toEqual(before);
  });

  test("two runs in a row write nothing to disk", async () => {
    const stamps = async (): Promise<string> =>
      (await here.host(["find", here.root, "-printf", "%p %T@ %C@ %s\n"])).stdout;
    await here.run(["--", "true"], { env });
    const before = await stamps();
    for (let i = 0; i < 2; i++) await here.run(["--", "sh", "-c", "cat /etc/hosts >/tmp/x"], { env });
    expect(await stamps()).toBe(before);
  });
});

describe("what is held while the command waits", () => {
  test("the supervisor is the static waiter, and holds less than 100 kB, with PID 1", async () => {
    const child = here.start(["--", "sh", "-c", "echo ready; read word"]);
    await new LineReader(child.stdout).until("ready");
    await untilWaiter(child.pid);
    const [waiter = 0, init = 0] = withDescendants(child.pid);
    expect(pssOf(waiter) + pssOf(init)).toBeLessThan(100);
    child.stdin.end();
    expect(await child.exited).toBe(1);
  });

  test("without a network it holds no descriptor but the one that waits, and nothing of the caller's environment", async () => {
    const command = ["--net", "none", "--", "sh", "-c", "echo ready; read word"];
    const child = here.start(command, { env: { SECRET: "canary" } });
    await new LineReader(child.stdout).until("ready");
    await untilWaiter(child.pid);
    const links = await eventually(
      () => readdirSync(`/proc/${child.pid}/fd`),
      (list) => list.length === 1,
    );
    expect(links).toHaveLength(1);
    expect(readFileSync(`/proc/${child.pid}/environ`, "utf8").replaceAll("\0", "")).toBe("");
    child.stdin.end();
    await child.exited;
  });
});
