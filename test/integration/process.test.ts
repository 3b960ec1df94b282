// The flags that make the process: folder, user, limits, names, clocks.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const uid = process.getuid?.() ?? 0;

describe("the command", () => {
  test("is looked for in PATH, taken as a path when it has a slash, and gets its arguments as they are", async () => {
    here.file("tool", '#!/bin/sh\nprintf "[%s]" "$0" "$@"\n', 0o755);
    const { stdout } = await here.run(["--", "./tool", "", " a  b ", "-v", "--", "$HOME", "*"]);
    expect(stdout).toBe("[./tool][][ a  b ][-v][--][$HOME][*]");
  });

  test("begins at the first word that is no flag, with or without --", async () => {
    expect((await here.run(["echo", "-v", "--help"])).stdout).toBe("-v --help\n");
  });

  test("is the caller's shell when none is named", async () => {
    expect((await here.run([], { env: { SHELL: "/bin/echo" } })).stdout).toBe("\n");
  });

  test("--argv0 tells it another name", async () => {
    expect(
      (await here.run(["--argv0", "other", "--", "sh", "-c", "tr '\\0' ' ' < /proc/$$/cmdline"])).stdout,
    ).toStartWith("other -c ");
  });

  test("--no-init makes it PID 1", async () => {
    expect(await here.inside("echo $$", ["--no-init"])).toBe("1\n");
    expect(await here.inside("echo $$")).toBe("2\n");
  });

  test("a script without #! is an error that says so", async () => {
    here.file("bare", "echo no\n", 0o755);
    const { code, stderr } = await here.run(["--", "./bare"]);
    expect(code).toBe(126);
    expect(stderr).toContain("bare");
  });
});

describe("working folder", () => {
  test("is the current one, and -w another", async () => {
    expect(await here.inside("pwd")).toBe(`${here.dir}\n`);
    expect(await here.inside("pwd", ["-w", "/usr/share"])).toBe("/usr/share\n");
    here.folder("below");
    expect(await here.inside("pwd", ["--workdir", `${here.dir}/below`])).toBe(`${here.dir}/below\n`);
  });

  test("a relative -w is refused as usage", async () => {
    const { code, stderr } = await here.run(["-w", "below", "--", "true"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--workdir");
  });
});

describe("user and group", () => {
  test("on the host's view the command is the caller, by name too", async () => {
    expect(await here.inside("id -u; id -un")).toBe(`${uid}\n${userInfo().username}\n`);
  });

  test("--user takes numbers and names of the host's /etc/passwd", async () => {
    expect(await here.inside("id -u; id -g", ["--user", "12:34"])).toBe("12\n34\n");
    expect(await here.inside("id -un; id -gn", ["--user", "daemon"])).toBe("daemon\ndaemon\n");
    expect(await here.inside("id -un; id -gn", ["--user", "daemon:bin"])).toBe("daemon\nbin\n");
    expect(await here.inside("id -gn", ["--user", "daemon", "--group", "bin"])).toBe("bin\n");
  });

  test("files made inside belong to the caller outside, whoever the command was", async () => {
    await here.inside("touch mine", ["--user", "77:88"]);
    expect((await here.host(["stat", "-c", "%u", "mine"])).stdout).toBe(`${uid}\n`);
  });

  test("a user that nobody knows is an error that names it", async () => {
    const { code, stderr } = await here.run(["--user", "nobody-has-this-name", "--", "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain("nobody-has-this-name");
  });
});

describe("limits", () => {
  test("--umask", async () => {
    expect(await here.inside("umask")).toBe("0022\n");
    expect(await here.inside("umask; touch m; stat -c %a m", ["--umask", "077"])).toBe("0077\n600\n");
  });

  test("the caller's umask does not shape the sandbox", async () => {
    const out = await here.run(["--", "sh", "-c", "stat -c %a / /tmp /etc/hosts /run"], {
      via: ["sh", "-c", 'umask 077; exec "$@"', "sh"],
    });
    expect(out.stdout).toBe("755\n1777\n644\n755\n");
  });

  test("--ulimit sets soft and hard limits", async () => {
    const limits = await here.inside("ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -Ss", [
      "--ulimit",
      "nofile=100:200",
      "--ulimit",
      "core=0",
      "--ulimit",
      "stack=4194304",
    ]);
    expect(limits).toBe("100\n200\n0\n4096\n");
  });

  test("the open files limit is the caller's own, not what the runtime raised it to", async () => {
    const via = ["sh", "-c", 'ulimit -Sn 123; "$@"; exit $?', "sh"];
    expect((await here.run(["--", "sh", "-c", "ulimit -Sn"], { via })).stdout).toBe("123\n");
  });

  test("a limit below what the sandbox itself needs is the command's, not the sandbox's", async () => {
    expect(await here.inside("ulimit -n", ["--ulimit", "nofile=4"])).toBe("4\n");
  });

  test("--nice", async () => {
    expect((await here.inside("nice", ["--nice", "7"])).trim()).toBe("7");
  });

  test("--oom-score-adj", async () => {
    expect(await here.inside("cat /proc/self/oom_score_adj", ["--oom-score-adj", "500"])).toBe("500\n");
  });

  test("an --oom-score-adj or --nice that the kernel refuses is an error that says who may", async () => {
    const lower = await here.run(["--oom-score-adj", "-900", "--", "true"], {
      via: ["sh", "-c", 'echo 100 > /proc/self/oom_score_adj; exec "$@"', "sh"],
    });
    const nicer = await here.run(["--nice", "-5", "--", "true"]);
    for (const { code, stderr } of uid === 0 ? [] : [lower, nicer]) {
      expect(code).toBe(125);
      expect(stderr).toMatch(/--(nice|oom-score-adj)/);
    }
  });
});

describe("names and clocks", () => {
  test("--hostname and --domainname", async () => {
    expect(await here.inside("hostname; cat /etc/hostname; getent ahostsv4 sandbox | grep STREAM")).toMatch(
      /^sandbox\nsandbox\n127\.0\.1\.1 +STREAM sandbox\n$/,
    );
    const named = await here.inside("hostname; cat /proc/sys/kernel/domainname; cat /etc/hostname", [
      "-h",
      "box-1.test",
      "--domainname",
      "yp",
    ]);
    expect(named).toBe("box-1.test\nyp\nbox-1.test\n");
    expect(hostname()).not.toBe("box-1.test");
  });

  test("a host name of 64 bytes is taken", async () => {
    const name = "a".repeat(64);
    expect(await here.inside("hostname", ["--hostname", name])).toBe(`${name}\n`);
  });

  test("--time-offset moves the two clocks, each on its own", async () => {
    const day = 86400;
    const script =
      "import time; print(int(time.clock_gettime(time.CLOCK_MONOTONIC)), int(time.clock_gettime(time.CLOCK_BOOTTIME)))";
    const { stdout } = await here.run([
      "--time-offset",
      `monotonic=${day}`,
      "--time-offset",
      `boottime=${10 * day}`,
      "--",
      "python3",
      "-c",
      script,
    ]);
    const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
    const [monotonic = 0, boottime = 0] = stdout.trim().split(" ").map(Number);
    expect(monotonic).toBeWithin(day, day + uptime + 60);
    expect(boottime).toBeWithin(10 * day, 10 * day + uptime + 60);
  });

  test("an offset with a fraction, and a negative one", async () => {
    const script = "import time; print(time.clock_gettime(time.CLOCK_BOOTTIME))";
    const plain = Number((await here.run(["--", "python3", "-c", script])).stdout);
    const moved = Number((await here.run(["--time-offset", "boottime=-10.5", "--", "python3", "-c", script])).stdout);
    expect(moved).toBeLessThan(plain);
  });
});
