// What cannot be done is told: what, on what, why, and the mend. And then nothing has run.
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import { asRoot, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();

/** Runs what must fail, and gives the message. */
async function fault(code: number, args: readonly string[], options = {}): Promise<string> {
  const outcome = await here.run(args, options);
  expect({ code: outcome.code, stdout: outcome.stdout }).toEqual({ code, stdout: "" });
  // A reason after the colon; and nothing of our own source.
  expect(outcome.stderr).toMatch(/^sandbox: Cannot [^\n]+: [^\n]+\n/m);
  expect(outcome.stderr).not.toMatch(/\n\s+at |bunfs|this is a bug/);
  return outcome.stderr;
}

const command = ["--", "echo", "ran"];

describe("the command", () => {
  test("not found in PATH is 127, and the message names the folders", async () => {
    const message = await fault(127, ["--", "no-such-command"]);
    expect(message).toContain("no-such-command");
    expect(message).toContain("/usr/bin");
  });

  test("not found by its path is 127", async () => {
    expect(await fault(127, ["--", "/no/such/command"])).toContain("/no/such/command");
  });

  test("found outside but not shown inside is 127, and the mend is to show it", async () => {
    const tool = here.file(join(here.home, "bin/own"), "#!/bin/sh\n", 0o755);
    expect(await fault(127, ["--", tool])).toContain("-v ");
  });

  test("not executable is 126, and the mend is chmod", async () => {
    here.file("script", "#!/bin/sh\necho ran\n", 0o644);
    const message = await fault(126, ["--", "./script"]);
    expect(message).toContain("./script");
    expect(message).toContain("chmod +x");
  });

  test("not executable in a PATH folder is 126", async () => {
    here.file("bin/plain", "#!/bin/sh\n", 0o644);
    expect(await fault(126, ["-e", `PATH=${here.dir}/bin:/usr/bin`, "--", "plain"])).toContain("plain");
  });

  test("a folder is 126", async () => {
    expect(await fault(126, ["--", "/usr"])).toContain("folder");
  });

  test("for another processor is 126, and the message names both", async () => {
    const elf = new Uint8Array(64);
    elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    elf[16] = 2;
    // EM_AARCH64 is 183, EM_X86_64 is 62.
    elf[18] = arch() === "x64" ? 183 : 62;
    writeFileSync(join(here.dir, "foreign"), elf, { mode: 0o755 });
    const message = await fault(126, ["--", "./foreign"]);
    expect(message).toMatch(/aarch64/);
    expect(message).toMatch(/x86[-_]64/);
  });

  test("a script whose interpreter is missing is 126 or 127, and the message names the interpreter", async () => {
    here.file("orphan", "#!/opt/no/such/python -u\n", 0o755);
    const { code, stderr } = await here.run(["--", "./orphan"]);
    expect(code).toBeOneOf([126, 127]);
    expect(stderr).toContain("/opt/no/such/python");
  });

  test("a script with a carriage return after its interpreter is told so", async () => {
    here.file("dos", "#!/bin/sh\r\necho\r\n", 0o755);
    const { stderr } = await here.run(["--", "./dos"]);
    expect(stderr).toMatch(/carriage return|\\r|Windows/);
  });

  test("a program whose loader is missing names the loader", async () => {
    const bytes = Buffer.from(await Bun.file("/bin/true").arrayBuffer());
    const loader = /\/lib[^\0]*ld-[^\0]*/.exec(bytes.toString("latin1"))?.[0] ?? "";
    const other = loader.replace("ld-", "xx-");
    writeFileSync(
      join(here.dir, "loaderless"),
      Buffer.from(bytes.toString("latin1").replace(loader, other), "latin1"),
      { mode: 0o755 },
    );
    const { code, stderr } = await here.run(["--", "./loaderless"]);
    expect(code).toBeOneOf([126, 127]);
    expect(stderr).toContain(other);
  });

  test("an empty file, and one that is neither script nor program, is 126", async () => {
    here.file("empty", "", 0o755);
    here.file("text", "hello\n", 0o755);
    for (const name of ["./empty", "./text"]) expect(await fault(126, ["--", name])).toContain(name);
  });

  test("the empty name is 127 or wrong usage", async () => {
    expect((await here.run(["--", ""])).code).toBeOneOf([2, 126, 127]);
  });

  test("on a noexec mount is 126, and the message says noexec", async () => {
    here.file("tool", "#!/bin/sh\necho ran\n", 0o755);
    expect(await fault(126, ["-v", `${here.dir}:/n:noexec`, "--", "/n/tool"])).toContain("noexec");
  });
});

describe("the root file system", () => {
  test.each([
    ["is not there", "/no/such/rootfs", "/no/such/rootfs"],
    ["is empty", "EMPTY", "empty"],
    ["is a file that is no tar", "FILE", "FILE"],
    ["is a release that is not pinned", "alpine:1.2.3", "1.2.3"],
    ["is misspelt", "alpin", "alpin"],
  ])("that %s is an error", async (_, name, word) => {
    here.folder("EMPTY");
    here.file("FILE", "no tar\n".repeat(200));
    const rootfs = name === "EMPTY" || name === "FILE" ? `./${name}` : name;
    expect(await fault(125, ["--rootfs", rootfs, "--", "true"])).toContain(word);
  });

  test("without the command in it is 127", async () => {
    here.folder("thin/bin");
    expect(await fault(127, ["--rootfs", "./thin", "--", "/bin/sh"])).toContain("/bin/sh");
  });

  test("--persist on the host's view is an error", async () => {
    expect(await fault(125, ["--persist", "x", ...command])).toContain("--rootfs");
  });
});

describe("mounts", () => {
  const data = here.folder(join(here.root, "data-folder"));
  const file = here.file(join(here.root, "a-file"), "x");

  test("a bind source that is missing", async () => {
    expect(await fault(125, ["-v", "/no/such:/x", ...command])).toContain("/no/such");
  });

  test("a file where a folder is needed, and the reverse", async () => {
    expect(await fault(125, ["-v", `${data}:/etc/passwd`, ...command])).toMatch(/folder/);
    expect(await fault(125, ["-v", `${file}:/usr`, ...command])).toMatch(/folder/);
    expect(await fault(125, ["-v", `${data}:/etc/passwd/below`, ...command])).toMatch(/folder/);
  });

  test("a target in a read-only place", async () => {
    expect(await fault(125, ["-v", `${data}:/usr/nothing`, ...command])).toMatch(/read-only/);
    expect(await fault(125, ["--tmpfs", "/etc/nothing", ...command])).toMatch(/read-only/);
    expect(await fault(125, ["--file", `${file}:/opt/nothing`, ...command])).toMatch(/read-only/);
  });

  testWhere(asRoot())("a source in a folder that may not be searched", async () => {
    expect(await fault(125, ["-v", "/root/secret:/x", ...command])).toContain("/root/secret");
  });

  test.each([
    ["-v", "/a:/b:ro:rw"],
    ["-v", ""],
    ["-v", ":/b"],
    ["-v", "/etc:relative"],
    ["-v", "/etc:/x:sideways"],
    ["-v", "/etc:/x/../y"],
    ["--tmpfs", "/x:size=-1"],
    ["--tmpfs", "/x:size=0"],
    ["--tmpfs", "/x:size=1q"],
    ["--tmpfs", "/x:size=99999999999999999999g"],
    ["--tmpfs", "/x:mode=9"],
    ["--tmpfs", "relative"],
    ["--file", "/etc/hosts"],
    ["--hide", "relative"],
    ["--overlay-size", "0"],
    ["--overlay-size", "lots"],
    ["--overlay-size", "1e3"],
  ])("%s %s is wrong usage", async (flag, value) => {
    expect(await fault(2, [flag, value, ...command])).toContain(flag.replace(/^-v$/, "--volume"));
  });
});

describe("ids", () => {
  const me = process.getuid?.() ?? 0;
  test.each([
    ["overlap inside", ["--uidmap", "0:100000:10", "--uidmap", "5:200000:10"]],
    ["overlap outside", ["--uidmap", "0:100000:10", "--uidmap", "100:100005:10"]],
    ["huge", ["--uidmap", "0:100000:4294967295"]],
    ["beyond 32 bits", ["--uidmap", "0:99999999999:1"]],
    ["negative", ["--uidmap", "0:-1:1"]],
    ["empty", ["--uidmap", "0:0:0"]],
    ["short", ["--uidmap", "0:0"]],
    ["words", ["--gidmap", "a:b:c"]],
  ])("maps that are %s are wrong usage", async (_, args) => {
    expect(await fault(2, [...args, ...command])).toMatch(/--[ug]idmap/);
  });

  test("400 maps are more than the kernel takes", async () => {
    const args = Array.from({ length: 400 }, (_, i) => ["--uidmap", `${i * 2}:${100000 + i * 2}:1`]).flat();
    expect(await fault(2, [...args, ...command])).toContain("340");
  });

  testWhere(asRoot())("maps to ids that are not the caller's", async () => {
    const message = await fault(125, ["--uidmap", "0:1:1", "--gidmap", "0:1:1", "--user", "0:0", ...command]);
    expect(message).toMatch(/newuidmap|subuid|\/etc\/sub/);
  });

  test("a user that the maps do not contain", async () => {
    expect(
      await fault(125, ["--uidmap", `0:${me}:1`, "--gidmap", `0:${process.getgid?.()}:1`, "--user", "5:5", ...command]),
    ).toContain("5");
  });

  test("--group-add with a single id", async () => {
    expect(await fault(125, ["--userns", "single", "--group-add", "4", ...command])).toContain("range");
  });

  test.each([
    ["--user", "-1"],
    ["--user", "4294967295"],
    ["--user", "1:2:3"],
    ["--user", ""],
    ["--user", "a b"],
  ])("%s %p is an error", async (flag, value) => {
    const { code, stderr } = await here.run([flag, value, ...command]);
    expect(code).toBeOneOf([2, 125]);
    expect(stderr).toStartWith("sandbox: Cannot ");
  });
});

describe("values", () => {
  test.each([
    ["--hostname", "a".repeat(65), "64"],
    ["--domainname", "a".repeat(65), "64"],
    ["--hostname", "under_score!", "letters"],
    ["--hostname", "-dash", "letters"],
    ["--hostname", "", "letters"],
    ["--umask", "9", "022"],
    ["--umask", "7777", "022"],
    ["--ulimit", "nofile", "NAME=SOFT"],
    ["--ulimit", "nofiles=1", "NAME=SOFT"],
    ["--ulimit", "nofile=10:5", "hard"],
    ["--nice", "20", "19"],
    ["--nice", "x", "19"],
    ["--oom-score-adj", "1001", "1000"],
    ["--preserve-fds", "-1", "0"],
    ["--userns", "double", "single"],
    ["--net", "wifi", "none"],
    ["--cap-add", "CAP_EVERYTHING", "CAP_"],
    ["--cap-drop", "", "CAP_"],
    ["--time-offset", "realtime=5", "monotonic"],
    ["--time-offset", "monotonic=soon", "monotonic"],
    ["--env", "=x", "NAME"],
    ["--env", "A B=x", "NAME"],
  ])("%s %p is wrong usage, and the message says what it takes", async (flag, value, word) => {
    const message = await fault(2, [flag, value, ...command]);
    expect(message).toContain(word);
  });

  test("an --env-file that is missing, and one with a NUL byte in it", async () => {
    expect(await fault(125, ["--env-file", "/no/such/file", ...command])).toContain("/no/such/file");
    const path = here.file("nul.env", "GOOD=1\nBAD=a\0b\n");
    const { code, stderr, stdout } = await here.run(["--env-file", path, ...command]);
    expect(code).toBeOneOf([2, 125]);
    expect(stdout).toBe("");
    expect(stderr).toContain("NUL");
  });

  test("a working folder that does not exist inside, or is a file", async () => {
    expect(await fault(125, ["-w", "/no/such/folder", ...command])).toContain("/no/such/folder");
    expect(await fault(125, ["-w", "/etc/passwd", ...command])).toContain("/etc/passwd");
  });

  test("a time before the clock's beginning", async () => {
    expect(await fault(125, ["--time-offset", "boottime=-900000000", ...command])).toMatch(/time-offset|clock/);
  });

  testWhere(asRoot())("a limit above the hard one of the caller", async () => {
    const via = ["sh", "-c", 'ulimit -n 500; "$@"; exit $?', "sh"];
    const message = await fault(125, ["--ulimit", "nofile=1000", ...command], { via });
    expect(message).toMatch(/nofile|NOFILE/);
  });
});

describe("wrong usage", () => {
  test.each([
    ["--no-such-flag", "no-such-flag"],
    ["--hostnam=x", "--hostname"],
    ["--volum", "--volume"],
    ["-Z", "-Z"],
  ])("%s is told, with the nearest flag where there is one", async (flag, word) => {
    expect(await fault(2, [flag, ...command])).toContain(word);
  });

  test("a flag without its value, a flag given twice, and two that contradict", async () => {
    expect((await here.run(["--hostname"])).code).toBe(2);
    expect(await fault(2, ["--hostname", "a", "--hostname", "b", ...command])).toContain("--hostname");
    expect(await fault(2, ["--init", "--no-init", ...command])).toContain("--no-init");
  });

  test("a switch with a value", async () => {
    expect(await fault(2, ["--init=yes", ...command])).toContain("--init");
  });
});

describe("size", () => {
  test("a hundred kilobytes of arguments come through, in one and in many", async () => {
    const one = "a".repeat(100 * 1024);
    expect((await here.run(["--", "sh", "-c", "printf %s $1 | wc -c", "sh", one])).stdout).toBe(`${one.length}\n`);
    const many = Array.from({ length: 10_000 }, (_, i) => `argument${i}`);
    expect((await here.run(["--", "sh", "-c", "echo $# $10000", "sh", ...many])).stdout).toMatch(/^10000 /);
  });

  test("a megabyte of arguments comes through", async () => {
    const many = Array.from({ length: 15 }, () => "b".repeat(64 * 1024));
    expect((await here.run(["--", "sh", "-c", "echo $#", "sh", ...many])).stdout).toBe("15\n");
  });

  test("what fits outside and not inside, since the environment grew, is an error that says so", async () => {
    const file = here.file("big.env", `BIG=${"x".repeat(131 * 1024)}\n`);
    expect(await fault(125, ["--env-file", file, ...command])).toMatch(/long|128/);
  });

  test("a path longer than the kernel takes", async () => {
    const long = `/${"d".repeat(250)}`.repeat(20);
    const { code, stderr } = await here.run(["-v", `/etc:${long}`, ...command]);
    expect(code).not.toBe(0);
    expect(stderr).toStartWith("sandbox: Cannot ");
    expect((await here.run(["-v", `/etc:/${"n".repeat(256)}`, ...command])).stderr).toMatch(/255|long/);
  });
});
