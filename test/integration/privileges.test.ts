// What the command may do: capabilities, no_new_privs, signals as they were at birth, descriptors, environment.
import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const ROOT_CAPABILITIES = "00000000a80425fb";
const NONE = "0000000000000000";

/** The fields of /proc/self/status of a command run with `args`. */
async function status(args: readonly string[], via: readonly string[] = []): Promise<Readonly<Record<string, string>>> {
  const { code, stdout, stderr } = await here.run([...args, "--", "cat", "/proc/self/status"], { via });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return Object.fromEntries(stdout.split("\n").map((line) => line.split(":\t") as [string, string]));
}

function capabilities(fields: Readonly<Record<string, string>>): readonly (string | undefined)[] {
  return [fields.CapBnd, fields.CapEff, fields.CapPrm, fields.CapInh, fields.CapAmb];
}

describe("capabilities", () => {
  test("a command that is not root has none, in no set", async () => {
    expect(capabilities(await status(["--user", "1000:1000"]))).toEqual([NONE, NONE, NONE, NONE, NONE]);
  });

  test("root inside has Docker's default set, and nothing inheritable or ambient", async () => {
    const sets = capabilities(await status(["--user", "0:0"]));
    expect(sets).toEqual([ROOT_CAPABILITIES, ROOT_CAPABILITIES, ROOT_CAPABILITIES, NONE, NONE]);
  });

  test("--cap-add gives a command that is not root the one capability, in every set, and it reaches what it executes", async () => {
    const one = "0000000000002000";
    const fields = await status(["--user", "1000:1000", "--cap-add", "NET_RAW"]);
    expect(capabilities(fields)).toEqual([one, one, one, one, one]);
    const nested = await here.inside("sh -c 'grep CapEff /proc/self/status'", [
      "--user",
      "1000:1000",
      "--cap-add",
      "cap_net_raw",
    ]);
    expect(nested).toBe(`CapEff:\t${one}\n`);
  });

  test("--cap-drop takes one of root's, and ALL takes every one", async () => {
    const less = "00000000a80405fb";
    expect(capabilities(await status(["--user", "0:0", "--cap-drop", "NET_RAW,NET_BIND_SERVICE"])).slice(0, 3)).toEqual(
      Array(3).fill("00000000a80401fb"),
    );
    expect(capabilities(await status(["--user", "0:0", "--cap-drop", "CAP_NET_RAW"]))[1]).toBe("00000000a80405fb");
    expect(less).toBe("00000000a80405fb");
    expect(capabilities(await status(["--user", "0:0", "--cap-drop", "ALL"]))).toEqual(Array(5).fill(NONE));
  });

  test("--cap-drop ALL and one --cap-add leave that one", async () => {
    const sets = capabilities(await status(["--user", "0:0", "--cap-drop", "ALL", "--cap-add", "CHOWN"]));
    expect(sets).toEqual([...Array(3).fill("0000000000000001"), NONE, NONE]);
  });

  test("--cap-add ALL gives every capability of this kernel", async () => {
    const [bounding] = capabilities(await status(["--user", "0:0", "--cap-add", "ALL"]));
    expect(BigInt(`0x${bounding}`) & 0x1ffffffffffn).toBe(0x1ffffffffffn);
  });

  test("a set-user-ID program gains nothing", async () => {
    const { stdout } = await here.run([
      "--",
      "sh",
      "-c",
      "grep NoNewPrivs /proc/self/status; ls /usr/bin/su >/dev/null && su -c id 2>&1 </dev/null",
    ]);
    expect(stdout).toStartWith("NoNewPrivs:\t1\n");
    expect(stdout).not.toContain("uid=0");
  });
});

describe("protections", () => {
  test.each([
    ["as the caller", []],
    ["as root inside", ["--user", "0:0"]],
    ["with every capability", ["--cap-add", "ALL"]],
  ])("no_new_privs and a seccomp filter are on %s", async (_, args) => {
    const { NoNewPrivs, Seccomp } = await status(args);
    expect({ NoNewPrivs, Seccomp }).toEqual({ NoNewPrivs: "1", Seccomp: "2" });
  });

  test("--seccomp unconfined takes the filter away, and nothing else", async () => {
    const { NoNewPrivs, Seccomp, CapEff } = await status(["--user", "1000:1000", "--seccomp", "unconfined"]);
    expect({ NoNewPrivs, Seccomp, CapEff }).toEqual({ NoNewPrivs: "1", Seccomp: "0", CapEff: NONE });
  });

  test("securebits of a command that is not root are locked: root would be nothing special", async () => {
    const script = "import ctypes; print(ctypes.CDLL(None).prctl(27, 0, 0, 0, 0))";
    const bits = Number((await here.run(["--user", "1000:1000", "--", "python3", "-c", script])).stdout);
    const NOROOT_LOCKED = 0b11;
    const NO_SETUID_FIXUP_LOCKED = 0b1100;
    expect(bits & (NOROOT_LOCKED | NO_SETUID_FIXUP_LOCKED)).toBe(NOROOT_LOCKED | NO_SETUID_FIXUP_LOCKED);
  });
});

describe("signals at birth", () => {
  test("none is ignored and none is blocked", async () => {
    const { SigIgn, SigBlk, SigPnd } = await status([]);
    expect({ SigIgn, SigBlk, SigPnd }).toEqual({ SigIgn: NONE, SigBlk: NONE, SigPnd: NONE });
  });

  test("none is ignored although the caller ignores HUP, PIPE, CHLD, USR1 and TSTP", async () => {
    const via = ["sh", "-c", "trap '' HUP PIPE CHLD USR1 TSTP; exec \"$@\"", "sh"];
    expect((await here.host(["grep", "SigIgn", "/proc/self/status"], { via })).stdout).not.toContain(NONE);
    expect((await status([], via)).SigIgn).toBe(NONE);
  });

  test("none is blocked although the caller blocks all", async () => {
    const block =
      "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); os.execvp(sys.argv[1], sys.argv[1:])";
    const via = ["python3", "-c", block];
    expect((await here.host(["grep", "SigBlk", "/proc/self/status"], { via })).stdout).not.toContain(NONE);
    expect((await status([], via)).SigBlk).toBe(NONE);
  });

  test("yes | head ends quietly inside", async () => {
    expect(await here.inside("yes | head -n 1; echo done")).toBe("y\ndone\n");
  });
});

describe("descriptors", () => {
  // The caller has a folder open on each of 3 to 20, none of them close-on-exec.
  const opened = (folder: string): readonly string[] => [
    "python3",
    "-c",
    `import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
for n in range(3, 21): os.dup2(fd, n) if n != fd else os.set_inheritable(fd, True)
os.execvp(sys.argv[2], sys.argv[2:])`,
    folder,
  ];
  const list = ["--", "python3", "-c", "import os; print(*sorted(map(int, os.listdir('/proc/self/fd'))))"];
  const folder = join(here.root, "outside");
  mkdirSync(folder);

  test("a folder that the caller has open on 3 to 20 is not among them", async () => {
    const via = opened(folder);
    const control = await here.host(["python3", "-c", list[3] ?? ""], { via });
    expect(control.stdout).toBe("0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21\n");
    // The last is what listdir itself has opened.
    expect((await here.run(list, { via })).stdout).toBe("0 1 2 3\n");
  });

  test("neither are they with --no-init, nor with --userns range's helper pipe in use", async () => {
    expect((await here.run(["--no-init", ...list], { via: opened(folder) })).stdout).toBe("0 1 2 3\n");
  });

  test("no process inside has one that leads to the folder", async () => {
    const out = await here.run(["--", "sh", "-c", `ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c '${folder}'`], {
      via: opened(folder),
    });
    expect(out.stdout).toBe("0\n");
  });

  test("--preserve-fds 2 passes 3 and 4 on, and no other", async () => {
    const out = await here.run(["--preserve-fds", "2", ...list], { via: opened(folder) });
    expect(out.stdout).toBe("0 1 2 3 4 5\n");
  });

  test("a descriptor passed on is the very same open file", async () => {
    const file = here.file("numbers", "one two");
    const via = ["sh", "-c", `exec 3<${file}; head -c 4 >/dev/null <&3; exec "$@"`, "sh"];
    const { stdout } = await here.run(["--preserve-fds", "1", "--", "sh", "-c", "cat <&3"], { via });
    expect(stdout).toBe((await here.host(["sh", "-c", "cat <&3"], { via })).stdout);
  });

  test("--preserve-fds of a descriptor that is not open says which", async () => {
    const { code, stderr } = await here.run(["--preserve-fds", "5", "--", "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain("--preserve-fds");
    expect(stderr).toContain("3");
  });

  test("standard input, output and error are the caller's own open files, not copies", async () => {
    const input = here.file("in.txt", "first\nsecond\n");
    const output = here.file("out.txt");
    const errors = here.file("err.txt");
    const script = `exec <${input} >>${output} 2>${errors}; read line; "$@"; read line; echo "then $line"`;
    await here.host(["sh", "-c", script, "sh"].concat([]), {});
    const via = ["sh", "-c", 'exec <"$1" >"$2" 2>"$3"; shift 3; exec "$@"', "sh", input, output, errors];
    await here.run(
      ["--", "sh", "-c", "readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2; stat -L -c %d:%i /proc/self/fd/1"],
      { via },
    );
    const { stdout } = await here.host(["stat", "-c", "%d:%i", output]);
    expect(await Bun.file(output).text()).toBe(`${input}\n${output}\n${errors}\n${stdout}`);
  });

  test("closed standard streams are no trouble", async () => {
    const via = ["sh", "-c", 'exec <&- >&- 2>&-; exec "$@"', "sh"];
    expect((await here.run(["--", "sh", "-c", "exit 7"], { via })).code).toBe(7);
  });
});

describe("environment", () => {
  const names = async (
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<readonly string[]> => {
    const { stdout } = await here.run([...args, "--", "env"], { env });
    return stdout.trim().split("\n").sort();
  };

  test("is built: PATH, HOME, USER, LANG, TERM, and nothing that leaks", async () => {
    const canary = {
      SECRET_TOKEN: "x",
      AWS_SECRET_ACCESS_KEY: "x",
      LD_PRELOAD: "",
      SSH_AUTH_SOCK: "/x",
      BASH_ENV: "/x",
      TERM: "vt100",
    };
    const variables = await names([], canary);
    expect(variables.map((line) => line.split("=")[0])).toEqual(["HOME", "LANG", "PATH", "TERM", "USER"]);
    expect(variables).toContain("TERM=vt100");
    expect(variables).toContain(`HOME=${here.home}`);
  });

  test("-e NAME passes a variable on, -e NAME=VALUE sets one, and one that the caller lacks is left out", async () => {
    const variables = await names(["-e", "PASSED", "-e", "SET=a b=c", "--env=EMPTY=", "-e", "LACKING"], {
      PASSED: "on",
    });
    expect(variables).toContain("PASSED=on");
    expect(variables).toContain("SET=a b=c");
    expect(variables).toContain("EMPTY=");
    expect(variables.join()).not.toContain("LACKING");
  });

  test("--env-file takes lines, skips comments and empty ones, and -e wins over it", async () => {
    const file = here.file("vars", "# comment\n\nFIRST=1\nSECOND=two words\nPASSED\n");
    const variables = await names(["--env-file", file, "-e", "FIRST=one"], { PASSED: "on" });
    expect(variables.filter((line) => /^(FIRST|SECOND|PASSED)=/.test(line))).toEqual([
      "FIRST=one",
      "PASSED=on",
      "SECOND=two words",
    ]);
  });

  test("-e PATH=... decides where the command is looked for", async () => {
    here.file("bin/own-tool", "#!/bin/sh\necho found\n", 0o755);
    expect((await here.run(["-e", `PATH=${here.dir}/bin`, "--", "own-tool"])).stdout).toBe("found\n");
  });

  test("bytes that are no letters come through in arguments and variables", async () => {
    const odd = "a'b\"c\\d\te\nf€ü";
    const { stdout } = await here.run(["-e", `ODD=${odd}`, "--", "sh", "-c", 'printf "%s|%s" "$ODD" "$1"', "sh", odd]);
    expect(stdout).toBe(`${odd}|${odd}`);
  });
});
