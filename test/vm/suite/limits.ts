// Limits by their effect, in a machine with a systemd user manager: what a limit holds back, what is said, and that nothing stays.
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { LineReader } from "../../support/line_reader.ts";
import { eventually } from "../../support/processes.ts";
import { type Outcome, SANDBOX, Workspace } from "../../support/workspace.ts";

class Session extends Workspace {
  override get env(): Record<string, string> {
    const { XDG_RUNTIME_DIR = "", DBUS_SESSION_BUS_ADDRESS = "" } = process.env;
    return { ...super.env, USER: "dev", XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS };
  }
}

const here = new Session();
afterAll(() => here[Symbol.dispose]());

const SLICE = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/sandbox.slice";
const ALLOCATE = '$x = "x" x 134217728; print length $x';
const scopes = (): readonly string[] =>
  (existsSync(SLICE) ? readdirSync(SLICE) : []).filter((name) => name.endsWith(".scope"));
const run = (...words: readonly string[]): Promise<Outcome> => here.run(["--net", "none", ...words]);
const statsOf = ({ stderr }: Outcome) => JSON.parse(stderr.split("\n").find((line) => line.startsWith("{")) ?? "");

class OnDisk implements Disposable {
  readonly path = mkdtempSync("/var/tmp/sandbox-io-");
  readonly disk = Bun.spawnSync(["findmnt", "-no", "SOURCE", "-T", "/var/tmp"]).stdout.toString().trim();

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** As root, where something has to be set up that a user cannot. */
async function asRoot(script: string): Promise<Outcome> {
  return here.host(["sudo", "bash", "-c", script]);
}

afterEach(async () => {
  await eventually(scopes, (left) => left.length === 0);
});

describe("memory", () => {
  test("a limit of 64 MiB kills an allocation of 128 MiB, and says so", async () => {
    expect(await run("-m", "64m", "--", "perl", "-e", ALLOCATE)).toEqual({
      code: 137,
      stdout: "",
      stderr: "sandbox: killed: memory limit 64 MiB reached\n",
    });
  });

  test("below the limit nothing is said", async () => {
    expect(await run("-m", "512m", "--", "perl", "-e", ALLOCATE)).toEqual({ code: 0, stdout: "134217728", stderr: "" });
  });

  test("a process that is killed inside is told beside the command's own status", async () => {
    const script = `perl -e '${ALLOCATE}'; exit 3`;
    const { code, stderr } = await run("-m", "64m", "--", "sh", "-c", script);
    expect(code).toBe(3);
    expect(stderr).toContain("sandbox: 1 process was killed inside: memory limit 64 MiB reached\n");
  });

  test("SIGKILL that somebody sends is no lack of memory", async () => {
    expect(await run("-m", "64m", "--", "sh", "-c", "kill -9 $$")).toEqual({ code: 137, stdout: "", stderr: "" });
  });

  test("it is told on a terminal, and where the network was in use", async () => {
    const terminal = await here.host([
      "script",
      "-qec",
      `${SANDBOX} run --net none -m 64m -t -- perl -e '${ALLOCATE}'`,
      "/dev/null",
    ]);
    expect(terminal.stdout).toContain("killed: memory limit 64 MiB reached");
    const script = `getent hosts nosuch.invalid; exec perl -e '${ALLOCATE}'`;
    const networked = await here.run(["-m", "64m", "--", "sh", "-c", script]);
    expect(networked).toMatchObject({ code: 137, stderr: "sandbox: killed: memory limit 64 MiB reached\n" });
  });
});

describe("cpu", () => {
  test("--cpus 0.5 gives half of a CPU over 3 seconds", async () => {
    const outcome = await run(
      "--cpus",
      "0.5",
      "--timeout",
      "3s",
      "--stats",
      "-",
      "--",
      "sh",
      "-c",
      "while :; do :; done",
    );
    const { cpu, source, exitCode } = statsOf(outcome);
    expect([outcome.code, source, exitCode]).toEqual([124, "cgroup", 124]);
    expect(Math.abs(cpu.userSeconds + cpu.systemSeconds - 1.5)).toBeLessThan(0.15);
    expect(cpu.throttledSeconds).toBeGreaterThan(0.5);
  });

  test("--cpuset-cpus is what nproc(1) counts", async () => {
    expect((await run("--cpuset-cpus", "0", "--", "nproc")).stdout).toBe("1\n");
    const none = await run("--cpuset-cpus", "50", "--", "true");
    expect(none.code).toBe(125);
    expect(none.stderr).toContain('the kernel does not take "50" for cpuset.cpus');
  });
});

describe("pids", () => {
  test("a limit stops a fork bomb, and the machine stays responsive", async () => {
    const bomb = "$SIG{CHLD}='IGNORE'; while (time - $^T < 2) { fork }";
    const outcome = await run("--pids-limit", "50", "--timeout", "4s", "--stats", "-", "--", "perl", "-e", bomb);
    expect(statsOf(outcome).pids.peak).toBe(50);
    expect((await here.host(["true"])).code).toBe(0);
  });
});

describe("io", () => {
  test("a rate slows writes down", async () => {
    // On the disk: what is in memory is written to no device.
    using folder = new OnDisk();
    const write = `dd if=/dev/zero of=${folder.path}/f bs=1M count=8 oflag=direct 2>/dev/null`;
    const place = ["-v", `${folder.path}:${folder.path}`];
    const outcome = await run(
      "--device-write-bps",
      `${folder.disk}:4m`,
      ...place,
      "--stats",
      "-",
      "--",
      "sh",
      "-c",
      write,
    );
    const { wallSeconds, io } = statsOf(outcome);
    expect(io.writtenBytes).toBeGreaterThanOrEqual(8 << 20);
    expect(wallSeconds).toBeGreaterThan(1);
  });
});

describe("the group", () => {
  test("is a scope of the user manager, with limits above what is seen inside", async () => {
    const child = here.start(["--net", "none", "-m", "64m", "--", "sh", "-c", "cat /proc/self/cgroup; read line"]);
    expect(await new LineReader(child.stdout).next()).toBe("0::/");
    const [scope = ""] = scopes();
    expect(scope).toMatch(/^sandbox-[0-9a-f]{12}\.scope$/);
    const folder = join(SLICE, scope);
    expect(readFileSync(join(folder, "sandbox/memory.max"), "utf8")).toBe(`${64 << 20}\n`);
    expect(readFileSync(join(folder, "supervisor/cgroup.procs"), "utf8")).toBe(`${child.pid}\n`);
    expect(readFileSync(join(folder, "sandbox/inside/cgroup.procs"), "utf8").split("\n").length).toBeGreaterThan(1);
    const shown = await here.host(["systemctl", "--user", "show", "-p", "Description", scope]);
    expect(shown.stdout).toContain("Description=sandbox: run sh -c");
    child.stdin.end();
    expect(await child.exited).toBe(1);
  });

  test("goes when it is stopped, or its supervisor is killed", async () => {
    const start = async () => {
      const child = here.start(["--net", "none", "-m", "64m", "--", "sh", "-c", "echo ready; sleep 1000"]);
      await new LineReader(child.stdout).until("ready");
      return child;
    };
    const killed = await start();
    killed.kill("SIGKILL");
    await killed.exited;
    await eventually(scopes, (left) => left.length === 0);
    const stopped = await start();
    await here.host(["systemctl", "--user", "stop", ...scopes()]);
    expect(await stopped.exited).toBe(143);
  });

  test("delegated, is the sandbox's to divide and not to widen", async () => {
    const script = [
      "cat /sys/fs/cgroup/cgroup.controllers",
      "mkdir /sys/fs/cgroup/a && echo $$ >/sys/fs/cgroup/a/cgroup.procs && cat /proc/self/cgroup",
      "{ echo max >/sys/fs/cgroup/memory.max; } 2>/dev/null || echo refused",
      `exec perl -e '${ALLOCATE}'`,
    ].join("\n");
    expect(await run("--cgroups", "delegate", "-m", "100m", "--", "sh", "-c", script)).toEqual({
      code: 137,
      stdout: "cpuset cpu io memory pids\n0::/a\nrefused\n",
      stderr: "sandbox: killed: memory limit 100 MiB reached\n",
    });
  });

  test("delegated, holds a sandbox with limits of its own", async () => {
    const inner = `/sandbox run --net none --proc bind -m 32m -- perl -e '${ALLOCATE}'; echo inner $?`;
    const outer = ["--cgroups", "delegate", "-m", "200m", "--seccomp", "unconfined", "--cap-add", "ALL"];
    const { code, stdout, stderr } = await run(...outer, "-v", `${SANDBOX}:/sandbox:ro`, "--", "sh", "-c", inner);
    expect([code, stdout]).toEqual([0, "inner 137\n"]);
    expect(stderr).toBe("sandbox: killed: memory limit 32 MiB reached\n");
  });

  test("of one that starts with a range of ids, and on an image, is limited as well", async () => {
    const said = await run("--userns", "range", "-m", "64m", "--pids-limit", "30", "--", "perl", "-e", ALLOCATE);
    expect([said.code, said.stderr]).toEqual([137, "sandbox: killed: memory limit 64 MiB reached\n"]);
  });
});

describe("a sandbox that runs", () => {
  test("is listed, paused, resumed and given other limits", async () => {
    const script = "while read line; do cat /proc/uptime; done";
    const child = here.start(["--net", "none", "--name", "web", "-m", "64m", "--", "sh", "-c", script]);
    const said = new LineReader(child.stdout);
    const ask = () => {
      child.stdin.write("go\n");
      child.stdin.flush();
    };
    ask();
    await said.next();
    const listed = async () => JSON.parse((await here.sandbox(["ps", "--json"])).stdout);
    expect(await listed()).toMatchObject([{ name: "web", status: "running", command: ["sh", "-c", script] }]);
    expect((await here.sandbox(["pause", "web"])).code).toBe(0);
    expect(await listed()).toMatchObject([{ status: "paused" }]);
    const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
    ask();
    await Bun.sleep(1000);
    expect((await here.sandbox(["resume", "web"])).code).toBe(0);
    expect(Number((await said.next())?.split(" ")[0])).toBeGreaterThan(uptime + 0.9);
    expect(await here.sandbox(["update", "--memory", "100m", "--pids-limit", "7", "web"])).toMatchObject({
      code: 0,
      stderr: "",
    });
    const [scope = ""] = scopes();
    const file = (name: string) => readFileSync(join(SLICE, scope, "sandbox", name), "utf8").trim();
    expect([file("memory.max"), file("pids.max")]).toEqual([String(100 << 20), "7"]);
    child.stdin.end();
    expect(await child.exited).toBe(0);
    expect(await listed()).toEqual([]);
  });
});

describe("without the usual", () => {
  test("variables: the manager is found where it always is", async () => {
    const { code } = await here.host([
      "env",
      "-i",
      `HOME=${here.home}`,
      "PATH=/usr/bin",
      SANDBOX,
      "run",
      "--net",
      "none",
      "-m",
      "64m",
      "--",
      "true",
    ]);
    expect(code).toBe(0);
  });

  /** A service of the system's, as `dev`, that does not see the session's bus. */
  const service = (command: string, ...properties: readonly string[]): string => {
    const all = ["User=dev", "InaccessiblePaths=/run/user", `WorkingDirectory=${here.dir}`, ...properties];
    return `systemd-run --quiet --pipe --wait --collect ${all.map((one) => `-p ${one}`).join(" ")} ${command}`;
  };

  test("bus: a group that was handed over is divided, and nothing of it stays", async () => {
    const inside = [
      `${SANDBOX} run --net none -m 64m -- perl -e '\\''${ALLOCATE}'\\''`,
      "echo $?",
      `${SANDBOX} run --net none --pids-limit 9 --stats - -- true`,
      "cat /proc/self/cgroup; find /sys/fs/cgroup$(dirname $(cut -d: -f3 /proc/self/cgroup)) -mindepth 1 -type d",
    ].join("; ");
    const { stdout, stderr } = await asRoot(service(`bash -c '${inside}'`, "Delegate=yes"));
    expect(stderr).toContain("sandbox: killed: memory limit 64 MiB reached\n");
    expect(stderr).toContain('"source":"cgroup"');
    expect(stdout).toMatch(/^137\n0::(\/system.slice\/\S+)\/sandbox-callers\n\/sys\/fs\/cgroup\1\/sandbox-callers\n$/);
  });

  test("delegation: it is said what is missing and what mends it", async () => {
    const { code, stderr } = await asRoot(service(`${SANDBOX} run --net none -m 64m -- true`));
    expect(code).toBe(125);
    expect(stderr).toContain("sandbox: Cannot limit the sandbox: ");
    expect(stderr).toContain("loginctl enable-linger dev");
  });
});
