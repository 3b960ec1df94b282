// Hostile surroundings: what lies in the current folder, and what the caller's environment says, runs no code in our process and
// does not change what it does.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { absent, testWhere } from "../support/test_where.ts";
import { type Outcome, SANDBOX, workspace } from "../support/workspace.ts";

const here = workspace();
const trap = join(here.root, "trap");
mkdirSync(trap);

/** JavaScript that leaves a trace and speaks. */
const EVIL = `require("node:fs").writeFileSync(${JSON.stringify(join(trap, "sprung"))}, "x"); console.log("evil");`;
const evil = here.file(join(here.root, "evil.js"), EVIL);

const sprung = (): readonly string[] => readdirSync(trap);
const unharmed = { code: 0, stdout: "as always\n", stderr: "" };
const plain = async (env: Readonly<Record<string, string>> = {}, cwd?: string): Promise<Outcome> =>
  here.run(["--", "sh", "-c", "echo as always"], { env, cwd });

describe("files of the current folder", () => {
  test("bunfig.toml with a preload, .env, tsconfig.json, package.json and node_modules do nothing", async () => {
    const cwd = here.folder("hostile");
    here.file("hostile/evil.js", EVIL);
    here.file(
      "hostile/bunfig.toml",
      'preload = ["./evil.js"]\n[run]\nshell = "system"\n[test]\npreload = ["./evil.js"]\n',
    );
    here.file(
      "hostile/.env",
      "HOME=/evil\nXDG_DATA_HOME=/evil\nLD_PRELOAD=/evil.so\nSANDBOX_ALPINE_MIRROR=http://evil/\n",
    );
    here.file("hostile/.env.local", "HOME=/evil\n");
    here.file("hostile/.env.production", "HOME=/evil\n");
    here.file("hostile/tsconfig.json", '{"compilerOptions":{"jsx":"react","paths":{"*":["./evil.js"]}}}');
    here.file(
      "hostile/package.json",
      '{"name":"evil","type":"commonjs","main":"evil.js","imports":{"#x":"./evil.js"}}',
    );
    for (const name of ["arg", "node:fs", "bun:ffi", "fs"]) here.file(`hostile/node_modules/${name}/index.js`, EVIL);
    expect(await plain({}, cwd)).toEqual(unharmed);
    expect((await here.run(["--", "sh", "-c", 'echo "$HOME"'], { cwd })).stdout).toBe(`${here.home}\n`);
    expect((await here.sandbox(["version"], { cwd })).stdout).not.toContain("evil");
    expect(sprung()).toEqual([]);
  });

  test("broken ones of the same names do not keep it from starting", async () => {
    const cwd = here.folder("broken");
    for (const name of ["bunfig.toml", ".env", "tsconfig.json", "package.json", "bun.lock", "jsconfig.json"])
      here.file(`broken/${name}`, "{{{\0=\n");
    expect(await plain({}, cwd)).toEqual(unharmed);
  });

  testWhere(absent("cc"))(
    "libraries by the names that the loader looks for are not loaded",
    async () => {
      const cwd = here.folder("libraries");
      here.file(
        "libraries/evil.c",
        `#include <fcntl.h>\n__attribute__((constructor)) static void f() { open("${trap}/library", O_CREAT | O_WRONLY, 0600); }\n`,
      );
      for (const name of [
        "libc.so.6",
        "libc.so",
        "libpthread.so.0",
        "libm.so.6",
        "libdl.so.2",
        "libc.musl-x86_64.so.1",
        "ld-musl-x86_64.so.1",
      ]) {
        const { code } = await here.host(["cc", "-shared", "-fPIC", "-nostdlib", "-o", name, "evil.c", "-lc"], { cwd });
        expect(code).toBe(0);
      }
      expect(await plain({}, cwd)).toEqual(unharmed);
      expect((await here.sandbox(["doctor", "--json"], { cwd })).stdout).toStartWith("{");
      expect(sprung()).toEqual([]);
    },
    20_000,
  );

  testWhere(absent("strace"))(
    "none of them is even opened",
    async () => {
      const cwd = join(here.dir, "hostile");
      const log = join(here.root, "strace.log");
      await here.host(
        ["strace", "-f", "-o", log, "-e", "trace=open,openat,openat2,readlink,execve", SANDBOX, "run", "--", "true"],
        // npm puts folders of its own on the PATH, in which the command is looked for.
        { cwd, env: { PATH: "/usr/bin:/bin" } },
      );
      const lines = readFileSync(log, "utf8").split("\n");
      expect(lines.filter((line) => /bunfig|\.env|tsconfig|package\.json|node_modules|evil/.test(line))).toEqual([]);
      expect(lines.some((line) => line.includes("execve"))).toBe(true);
    },
    20_000,
  );
});

describe("variables of the caller's environment", () => {
  const STEERING: readonly (readonly [name: string, value: string])[] = [
    ["BUN_OPTIONS", `--preload ${evil}`],
    ["BUN_OPTIONS", `--import=${evil}`],
    ["BUN_OPTIONS", `-r ${evil}`],
    ["BUN_OPTIONS", "--version"],
    ["BUN_OPTIONS", "--print"],
    ["BUN_OPTIONS", "--cwd /"],
    ["BUN_OPTIONS", `--config=${here.root}/bunfig.toml`],
    ["BUN_BE_BUN", "1"],
    ["BUN_BE_BUN", "true"],
    ["BUN_INSPECT", "1"],
    ["BUN_INSPECT", "ws://127.0.0.1:0/x?break=1"],
    ["BUN_INSPECT_PRELOAD", evil],
    ["NODE_OPTIONS", `--require ${evil}`],
    ["NODE_PATH", join(here.dir, "hostile/node_modules")],
    ["BUN_CONFIG_PRELOAD", evil],
    ["BUN_INSTALL", here.root],
    ["FORCE_COLOR", "3"],
    ["NODE_ENV", "production"],
    ["TZ", "Mars/Olympus"],
    ["LANG", "xx_XX.evil"],
  ];
  here.file(join(here.root, "bunfig.toml"), `preload = ["${evil}"]\n`);

  test.each(STEERING)("%s=%s changes nothing and runs nothing", async (name, value) => {
    expect(await plain({ [name]: value })).toEqual(unharmed);
    expect(sprung()).toEqual([]);
  });

  test("they do not turn the program into another one when its arguments look like that one's", async () => {
    const { code, stdout } = await here.sandbox(["-e", EVIL], { env: { BUN_BE_BUN: "1" } });
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(sprung()).toEqual([]);
  });

  test("nothing listens when a debugger is asked for", async () => {
    const port = 20_000 + (process.pid % 20_000);
    const script = `grep -c ":$(printf %04X ${port}) " /proc/net/tcp`;
    const { stdout } = await here.run(["--net", "host", "--", "sh", "-c", script], {
      env: { BUN_INSPECT: `ws://127.0.0.1:${port}/x` },
    });
    expect(stdout).toBe("0\n");
  });

  test("files named by variables of the runtime are not written", async () => {
    for (const name of [
      "BUN_BYTECODE_ORDER_OUT",
      "BUN_BYTECODE_DIGEST_OUT",
      "BUN_DEBUG",
      "BUN_RUNTIME_TRANSPILER_CACHE_PATH",
      "NODE_V8_COVERAGE",
    ]) {
      const path = join(here.root, `written-by-${name}`);
      await plain({ [name]: path });
      expect([name, existsSync(path)]).toEqual([name, false]);
    }
  });

  test("an empty environment is enough", async () => {
    const { code, stdout, stderr } = await here.host([
      "env",
      "-i",
      SANDBOX,
      "run",
      "--",
      "sh",
      "-c",
      'echo "$HOME $PATH"',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("/bin");
  });

  test("variables that are no UTF-8, have no =, or come twice are no trouble", async () => {
    const script = `import os; os.execve(b"${SANDBOX}", [b"sandbox", b"run", b"--", b"echo", b"as always"], {b"ODD": b"\\xff\\xfe", b"PATH": b"/usr/bin:/bin", b"HOME": b"/x", b"\\xff": b"y"})`;
    expect((await here.host(["python3", "-c", script])).stdout).toBe("as always\n");
  });
});

describe("surroundings that lack something", () => {
  test("no home folder, or one that does not exist", async () => {
    for (const HOME of ["", "/nonexistent/home", "relative"]) {
      const { code, stdout } = await here.run(["--", "echo", "on"], { env: { HOME } });
      expect({ HOME, code, stdout }).toEqual({ HOME, code: 0, stdout: "on\n" });
    }
  });

  test("a store and a temporary folder that cannot be written are not needed", async () => {
    expect(
      await plain({ XDG_DATA_HOME: "/proc/nowhere", TMPDIR: "/proc/nowhere", XDG_RUNTIME_DIR: "/proc/nowhere" }),
    ).toEqual(unharmed);
  });

  test.each([
    ["two gigabytes of address space", ["sh", "-c", 'ulimit -v 2000000; exec "$@"', "sh"]],
    ["no JIT", ["env", "BUN_JSC_useJIT=0"]],
  ])("%s are too little for the runtime: an error that says so", async (_, via) => {
    const { code, stdout, stderr } = await here.run(["--", "echo", "ran"], { via });
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toStartWith("sandbox: Cannot call the kernel: ");
    expect(stderr).toContain("ulimit -v");
    expect(stderr).not.toContain("    at ");
  });

  test("64 open files at most, and all but a few of them in use", async () => {
    const script = 'ulimit -n 64; for n in $(seq 10 50); do eval "exec $n</dev/null"; done 2>/dev/null; exec "$@"';
    const via = ["bash", "-c", script, "bash"];
    expect((await here.run(["--", "echo", "on"], { via })).stdout).toBe("on\n");
  });

  test("another sandbox's descriptors, signals and groups around it", async () => {
    const via = ["setsid", "sh", "-c", 'trap "" PIPE HUP; exec 9</etc; exec "$@"', "sh"];
    expect((await here.run(["--", "echo", "on"], { via })).stdout).toBe("on\n");
  });

  test("standard output that nobody reads ends a command that writes, quietly and with its own status", async () => {
    const { stdout } = await here.host(["bash", "-c", `"$0" run -- yes | head -n 2; echo \${PIPESTATUS[0]}`, SANDBOX]);
    expect(stdout).toBe("y\ny\n141\n");
  });
});
