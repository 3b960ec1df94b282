// --rootfs host: the system as the host has it, read-only; the rest empty and private; the current folder, writable.
import { describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { absent, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const TOP = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix", "/snap"];

describe("what is shown", () => {
  const kind = (path: string): string => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) return `link ${readlinkSync(path)}`;
    return found?.isDirectory() ? "folder" : "absent";
  };

  test.each(TOP)("%s is what it is on the host: a link, a folder, or absent", async (path) => {
    const script =
      'if [ -L "$0" ]; then echo "link $(readlink "$0")"; elif [ -d "$0" ]; then echo folder; else echo absent; fi';
    expect((await here.run(["--", "sh", "-c", script, path])).stdout).toBe(`${kind(path)}\n`);
  });

  test("/ holds those, the kernel's file systems, the private folders and the current folder's top, and no more", async () => {
    const names = (await here.inside("ls -A /")).trim().split("\n");
    const known = new Set([
      ...TOP,
      "/proc",
      "/sys",
      "/dev",
      "/tmp",
      "/var",
      "/run",
      "/home",
      `/${here.dir.split("/")[1]}`,
      `/${here.home.split("/")[1]}`,
    ]);
    expect(names.filter((name) => !known.has(`/${name}`))).toEqual([]);
  });

  test("/tmp, /var/tmp, /run and /home are private, empty and writable", async () => {
    const own = [here.dir.split("/")[2] ?? "", here.home.split("/").slice(-1)[0] ?? ""];
    const out = await here.inside("for d in /tmp /var/tmp /run /home; do ls -A $d; touch $d/x && rm $d/x; done");
    expect(out.split("\n").filter((name) => name !== "" && !own.includes(name))).toEqual([]);
    await here.inside("touch /tmp/left-behind /var/tmp/left-behind");
    for (const path of ["/tmp/left-behind", "/var/tmp/left-behind"])
      expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  test("/tmp and /var/tmp are for everyone, with the sticky bit", async () => {
    expect(await here.inside("stat -c %a /tmp /var/tmp")).toBe("1777\n1777\n");
  });

  test("the home folder is there, empty, and the command's own", async () => {
    expect(await here.inside('cd "$HOME" && pwd && ls -A | wc -l && touch x && stat -c %a .', ["-w", "/"])).toBe(
      `${here.home}\n0\n700\n`,
    );
  });
});

describe("files of our own in /etc", () => {
  test("without a network resolv.conf names no server, and hosts knows localhost and the sandbox", async () => {
    const none = ["--net", "none"];
    expect(await here.inside("grep -c '^nameserver' /etc/resolv.conf || true", none)).toBe("0\n");
    expect(await here.inside("getent hosts localhost | wc -l", none)).toBe("1\n");
    expect(await here.inside("cat /etc/hostname", ["--hostname", "own"])).toBe("own\n");
  });

  test("with --net host resolv.conf and hosts have the host's text", async () => {
    for (const path of ["/etc/resolv.conf", "/etc/hosts"])
      expect(await here.inside(`cat ${path}`, ["--net", "host"])).toBe(readFileSync(path, "utf8"));
  });

  test("mtab shows the sandbox's own mounts", async () => {
    expect(await here.inside("cat /etc/mtab")).toBe(await here.inside("cat /proc/mounts"));
    expect(await here.inside("cat /etc/mtab")).not.toContain("/dev/shm/host");
  });

  test("what is written to them reaches nobody", async () => {
    const before = readFileSync("/etc/hosts", "utf8");
    await here.run(["--", "sh", "-c", "echo 1.2.3.4 evil >> /etc/hosts"]);
    expect(readFileSync("/etc/hosts", "utf8")).toBe(before);
  });
});

describe("the current folder", () => {
  test("is at its own path, writable, and where the command begins", async () => {
    await here.inside("pwd > where");
    expect(readFileSync(join(here.dir, "where"), "utf8")).toBe(`${here.dir}\n`);
  });

  test("is found by its real path when it was entered through a link", async () => {
    symlinkSync(here.dir, join(here.root, "link"));
    const { stdout } = await here.run(["--", "pwd"], { via: ["sh", "-c", `cd ${here.root}/link && exec "$@"`, "sh"] });
    expect(stdout).toBe(`${here.dir}\n`);
  });

  test("a folder with blanks, commas, colons, quotes, backslashes and a line break in its name is no trouble", async () => {
    const odd = here.folder("a b,c:d\"e'f\\g\nh");
    const { stdout, code } = await here.run(["--", "sh", "-c", "touch made; pwd"], { cwd: odd });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${odd}\n` });
    expect(lstatSync(join(odd, "made")).isFile()).toBe(true);
  });

  test("a folder below home is shown, and nothing beside it", async () => {
    const project = here.folder(join(here.home, "src/project"));
    here.file(join(here.home, "secret"), "x");
    const { stdout } = await here.run(["--", "sh", "-c", 'pwd; ls -A "$HOME" "$HOME/src"'], { cwd: project });
    expect(stdout).toBe(`${project}\n${here.home}:\nsrc\n\n${here.home}/src:\nproject\n`);
  });

  test.each([
    ["home itself", () => here.home],
    ["an ancestor of home", () => here.root],
    ["/", () => "/"],
  ])("%s as the current folder is not shown, and one line says why", async (_, cwd) => {
    here.file(join(here.home, "secret"), "x");
    const { code, stdout, stderr } = await here.run(["--", "sh", "-c", `pwd; ls ${here.home}`], { cwd: cwd() });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${here.home}\n` });
    expect(stderr).toMatch(/^sandbox: the current directory is not shown[^\n]*\n$/);
  });

  test("a current folder that has been deleted is an error that says so", async () => {
    const doomed = here.folder("doomed");
    const { code, stderr } = await here.run(["--", "true"], {
      via: ["sh", "-c", `cd ${doomed} && rmdir ${doomed} && exec "$@"`, "sh"],
    });
    expect(code).not.toBe(0);
    expect(stderr).toContain("current");
  });

  test("one that may be entered but not listed is shown all the same", async () => {
    const closed = here.folder("closed/inner");
    here.file("closed/inner/f", "seen\n");
    await here.host(["chmod", "111", closed]);
    expect((await here.run(["--", "cat", "f"], { cwd: closed })).stdout).toBe("seen\n");
    await here.host(["chmod", "755", closed]);
  });

  test("inside /usr, a read-only place, it is shown as it is", async () => {
    const { code, stdout } = await here.run(["--", "pwd"], { cwd: "/usr/share" });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "/usr/share\n" });
  });

  test("what is mounted below it is shown with it", async () => {
    mkdirSync(join(here.dir, "sub"), { recursive: true });
    const script = 'mount -t tmpfs none sub && echo below > sub/file && exec "$@"';
    const via = ["unshare", "-Urm", "sh", "-c", script, "sh"];
    expect((await here.run(["--", "cat", "sub/file"], { via })).stdout).toBe("below\n");
  });
});

describe("real programs of the host", () => {
  testWhere(absent("cc"))(
    "a C file of the current folder is compiled and run",
    async () => {
      here.file(
        "hello.c",
        '#include <stdio.h>\n#include <math.h>\nint main(int n, char **v) { printf("%s %.3f\\n", v[1], sqrt(n)); }\n',
      );
      expect(await here.inside("cc -O1 -o hello hello.c -lm && ./hello inside")).toBe("inside 1.414\n");
      expect((await here.host(["./hello", "outside"])).stdout).toBe("outside 1.414\n");
    },
    20_000,
  );

  testWhere(absent("make", "cc"))("make builds with several jobs", async () => {
    here.file("m/Makefile", "all: a.o b.o c.o\n\tcat $^ | wc -l | tr -d ' ' > n\n%.o:\n\techo $* > $@\n");
    expect(await here.inside("make -s -j2 && cat n", [], { cwd: here.folder("m") })).toBe("3\n");
  });

  testWhere(absent("git"))("git makes a repository, commits and tells its log", async () => {
    const script = `
git init -q repo && cd repo && git config user.name T && git config user.email t@example.org
echo text > file && git add file && git commit -qm "first commit" && git log --format=%s && git status --porcelain | wc -l`;
    expect(await here.inside(script)).toBe("first commit\n0\n");
    expect((await here.host(["git", "-C", "repo", "log", "--format=%an"])).stdout).toBe("T\n");
  });

  testWhere(absent("node"))(
    "node runs JavaScript, threads and child processes",
    async () => {
      const script = `
const { execSync } = require("child_process"); const { Worker } = require("worker_threads");
new Worker("require('worker_threads').parentPort.postMessage(6*7)", { eval: true }).on("message", (m) => console.log(m, execSync("echo child").toString().trim()));`;
      const { stdout, stderr } = await here.run(["--", "node", "-e", script]);
      expect(stderr).toBe("");
      expect(stdout).toBe("42 child\n");
    },
    20_000,
  );

  testWhere(absent("python3"))(
    "python3 runs threads, processes and SQLite",
    async () => {
      const script = `
import concurrent.futures, sqlite3, subprocess, multiprocessing
with concurrent.futures.ProcessPoolExecutor(2) as pool: total = sum(pool.map(abs, range(-10, 0)))
db = sqlite3.connect("t.db"); db.execute("create table t(x)"); db.execute("insert into t values(?)", (total,)); db.commit()
print(db.execute("select x from t").fetchone()[0], subprocess.check_output(["echo", "child"]).decode().strip())`;
      const { stdout, stderr } = await here.run(["--", "python3", "-c", script]);
      expect(stderr).toBe("");
      expect(stdout).toBe("55 child\n");
    },
    20_000,
  );

  testWhere(absent("strace"))("strace traces a process of the sandbox", async () => {
    const { stderr } = await here.run(["--", "strace", "-f", "-e", "trace=execve", "true"]);
    expect(stderr).toContain('execve("/');
  });

  test("a pipeline of ten megabytes comes through whole", async () => {
    const data = new Uint8Array(10 << 20).map((_, i) => (i * 31) & 0xff);
    const { stdout } = await here.run(["--", "sh", "-c", "cat | sha256sum"], { stdin: data });
    expect(stdout.split(" ")[0]).toBe(new Bun.CryptoHasher("sha256").update(data).digest("hex"));
  });

  test("a shell script of two hundred steps runs to its end", async () => {
    const steps = Array.from(
      { length: 200 },
      (_, i) => `echo step ${i} > step.${i}; [ "$(cat step.${i})" = "step ${i}" ] || exit 1; rm step.${i}`,
    );
    here.file("steps.sh", `set -e\n${steps.join("\n")}\necho done\n`);
    expect((await here.run(["--", "sh", "steps.sh"])).stdout).toBe("done\n");
  }, 20_000);
});
