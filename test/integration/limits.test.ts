// What a control group and the end of a run are asked for by, as far as it holds on any machine; limits by their effect are in test/vm.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupMode } from "../../src/host/cgroup.ts";
import { readMountInfo } from "../../src/host/mount_info.ts";
import { LineReader } from "../support/line_reader.ts";
import { testWhere } from "../support/test_where.ts";
import { SANDBOX, workspace } from "../support/workspace.ts";

const here = workspace();
const run = (...words: readonly string[]) => here.run(["--net", "none", ...words]);

function version2(): string | undefined {
  return cgroupMode(readMountInfo()) === "unified" ? "this machine has control groups of version 2" : undefined;
}

describe("limits", () => {
  test("that make no sense are mistakes of usage, before anything is asked", async () => {
    for (const flags of [
      ["-m", "1x"],
      ["--cpus", "0"],
      ["--cgroups", "disabled", "--pids-limit", "5"],
    ]) {
      const { code, stdout } = await run(...flags, "--", "echo", "ran");
      expect([code, stdout]).toEqual([2, ""]);
    }
  });

  testWhere(version2())(
    "are never passed over: without version 2 nothing runs, and what does without it is named",
    async () => {
      const { code, stdout, stderr } = await run("-m", "64m", "--", "echo", "ran");
      expect([code, stdout]).toEqual([125, ""]);
      expect(stderr).toStartWith("sandbox: Cannot limit the sandbox: ");
      expect(stderr).toContain("--ulimit");
    },
  );

  test("are explained, file by file, and no group is made", async () => {
    const { code, stdout } = await here.sandbox([
      "run",
      "--explain",
      "--cpus",
      "0.5",
      "--pids-limit",
      "9",
      "--",
      "true",
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain("#   cpu.max = 50000 100000\n#   pids.max = 9");
    expect(stdout).toContain("unshare(CLONE_NEWCGROUP)");
    expect(stdout).not.toContain("|CLONE_NEWCGROUP");
  });
});

describe("a sandbox that runs", () => {
  test("is listed, and without a control group neither paused nor given limits", async () => {
    const child = here.start(["--net", "none", "--name", "plain", "--", "sh", "-c", "echo ready; read line"]);
    await new LineReader(child.stdout).until("ready");
    const listed = JSON.parse((await here.sandbox(["ps", "--json"])).stdout);
    expect(listed).toMatchObject([{ name: "plain", command: ["sh", "-c", "echo ready; read line"] }]);
    expect((await here.sandbox(["ps"])).stdout).toMatch(
      /^ID +NAME +STATE +STARTED +PID +COMMAND\n[0-9a-f]{12} +plain /,
    );
    for (const words of [["pause"], ["resume"], ["update", "-m", "1g"]]) {
      const { code, stderr } = await here.sandbox([...words, "plain"]);
      expect([code, stderr]).toEqual([125, expect.stringContaining("it has no control group")]);
    }
    child.stdin.end();
    await child.exited;
    expect(JSON.parse((await here.sandbox(["ps", "--json"])).stdout)).toEqual([]);
  });

  test("has to be named, and what is to change as well", async () => {
    expect((await here.sandbox(["pause"])).code).toBe(2);
    expect((await here.sandbox(["update", "any"])).code).toBe(2);
    expect((await here.sandbox(["pause", "nobody"])).code).toBe(125);
  });
});

describe("--timeout", () => {
  test("ends a command with status 124", async () => {
    expect(await run("--timeout", "200ms", "--", "sleep", "100")).toEqual({ code: 124, stdout: "", stderr: "" });
  });

  test("kills one that will not end", async () => {
    const stubborn = "trap '' TERM; while :; do sleep 0.1; done";
    const { code } = await run("--timeout", "200ms", "--stop-timeout", "200ms", "--", "sh", "-c", stubborn);
    expect(code).toBe(124);
  });

  test("asks first: what a command does at SIGTERM is done", async () => {
    const polite = "trap 'echo bye; exit 3' TERM; while :; do sleep 0.05; done";
    expect(await run("--timeout", "400ms", "--", "sh", "-c", polite)).toMatchObject({ code: 124, stdout: "bye\n" });
  });

  test("leaves a command alone that is done before", async () => {
    expect((await run("--timeout", "1h", "--", "sh", "-c", "exit 7")).code).toBe(7);
  });

  test("holds on a terminal, and with a network that is in use", async () => {
    const inTerminal = await here.host([
      "script",
      "-qec",
      `${SANDBOX} run --net none --timeout 300ms -t -- sleep 100`,
      "/dev/null",
    ]);
    expect(inTerminal.code).toBe(124);
    const talking = "getent hosts nosuch.invalid; exec sleep 100";
    expect((await here.run(["--net", "slirp", "--timeout", "600ms", "--", "sh", "-c", talking])).code).toBe(124);
  });

  test("is the program's alone: a signal of that number is passed on", async () => {
    const child = here.start([
      "--net",
      "none",
      "--timeout",
      "1h",
      "--",
      "sh",
      "-c",
      "trap 'exit 5' ALRM; echo ready; while :; do sleep 0.05; done",
    ]);
    const reader = child.stdout.getReader();
    await reader.read();
    child.kill("SIGALRM");
    expect(await child.exited).toBe(5);
  });

  test("needs a time", async () => {
    for (const time of ["0", "soon", "-1s"]) expect((await run("--timeout", time, "--", "true")).code).toBe(2);
    expect((await run("--stop-timeout", "1s", "--", "true")).code).toBe(2);
  });
});

describe("--stats", () => {
  const stats = (text: string) => JSON.parse(text);

  test("without a group is what the kernel counted for the processes, and says so", async () => {
    const file = join(here.dir, "stats.json");
    const spin = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; exit 3";
    expect((await run("--stats", file, "--", "sh", "-c", spin)).code).toBe(3);
    const read = stats(readFileSync(file, "utf8"));
    expect(read).toMatchObject({ source: "rusage", exitCode: 3 });
    expect(read.cpu.userSeconds).toBeGreaterThan(0);
    expect(read.wallSeconds).toBeGreaterThanOrEqual(read.cpu.userSeconds);
  });

  test("- is standard error, also with a network that is in use", async () => {
    const { stdout, stderr } = await run("--stats", "-", "--", "echo", "out");
    expect([stdout, stats(stderr).source]).toEqual(["out\n", "rusage"]);
    const late = await here.run(["--net", "slirp", "--stats", "-", "--", "getent", "hosts", "nosuch.invalid"]);
    expect(stats(late.stderr)).toMatchObject({ source: "rusage", exitCode: 2 });
  });

  test("tell a command that was ended by its time", async () => {
    const { code, stderr } = await run("--timeout", "200ms", "--stats", "-", "--", "sleep", "100");
    expect([code, stats(stderr).exitCode]).toEqual([124, 124]);
  });

  test("a file that cannot be written is told before anything runs", async () => {
    const { code, stdout, stderr } = await run("--stats", "/no/such/folder/stats", "--", "echo", "ran");
    expect([code, stdout]).toEqual([125, ""]);
    expect(stderr).toContain("Cannot write /no/such/folder/stats");
  });

  test("a command does not see where they go", async () => {
    const { stdout } = await run("--stats", "stats.json", "--", "ls", "-l", "/proc/self/fd");
    expect(stdout).toContain("0 -> ");
    expect(stdout).not.toContain("stats.json");
  });
});
