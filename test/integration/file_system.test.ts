// Nothing of the host's files but what was bound: looked for by walking everything, by device and inode.
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { workspace } from "../support/workspace.ts";

const here = workspace();

// Every reachable file as "DEVICE:INODE PATH", from `/` down, over all mounts, through `..` and the descriptors of every process.
const WALK = `
import os, sys
seen = {}
def note(path, st): seen.setdefault((st.st_dev, st.st_ino), path)
def walk(top):
    for folder, folders, files in os.walk(top, onerror=lambda e: None):
        for name in folders + files:
            path = os.path.join(folder, name)
            try: note(path, os.lstat(path))
            except OSError: pass
            if folder.startswith("/proc") or folder.startswith("/sys"): continue
        if folder.count("/proc/") > 2: folders.clear()
for top in sys.argv[1:]: walk(top)
for path in ["/", "/..", "/../..", "/../../../../..", "/proc/1/root", "/proc/1/root/..", "/proc/1/cwd", "/proc/self/root/..", "/dev/..", "/proc/.."]:
    try: note(path, os.stat(path))
    except OSError: pass
for (dev, ino), path in sorted(seen.items()): print(f"{os.major(dev)}:{os.minor(dev)}:{ino} {path}")
`;

/** Device and inode of each path inside, in the host's own terms where the file system is the host's. */
async function walked(tops: readonly string[], args: readonly string[] = []): Promise<ReadonlyMap<string, string>> {
  const { stdout, stderr } = await here.run([...args, "--", "python3", "-c", WALK, ...tops]);
  expect(stderr).toBe("");
  return new Map(
    stdout
      .trim()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]),
  );
}

async function hostInodes(...find: readonly string[]): Promise<ReadonlySet<string>> {
  const script = `
import os, sys
for top in sys.argv[1:]:
    for folder, folders, files in os.walk(top):
        for name in ["."] + folders + files:
            st = os.lstat(os.path.join(folder, name))
            print(f"{os.major(st.st_dev)}:{os.minor(st.st_dev)}:{st.st_ino}")`;
  const { stdout } = await here.host(["python3", "-c", script, ...find]);
  return new Set(stdout.trim().split("\n"));
}

describe("what of the host is reachable", () => {
  const hidden = join(here.root, "beside");

  test("walking all of / meets no file of the host outside the folders that are shown", async () => {
    mkdirSync(hidden);
    writeFileSync(join(hidden, "secret"), "secret");
    here.file("shown", "shown");
    const device = [...(await hostInodes(here.dir))][0]?.split(":").slice(0, 2).join(":");
    const inside = await walked(["/"]);
    const allowed = /^\/(usr|bin|sbin|lib[^/]*|etc|opt|nix|snap)(\/|$)/;
    const strays = [...inside].filter(
      ([key, path]) =>
        key.startsWith(`${device}:`) && !allowed.test(path) && path !== here.dir && !path.startsWith(`${here.dir}/`),
    );
    // A hard link or bind of an allowed file has another path and the same inode: only the first path is listed.
    expect(strays).toEqual([]);
    expect([...inside.values()]).toContain(join(here.dir, "shown"));
    expect([...inside.keys()]).not.toContain([...(await hostInodes(hidden))][0] ?? "");
  }, 60_000);

  test("a folder beside the current one, the caller's home and its keys are not there", async () => {
    const key = here.file(join(here.home, ".ssh/id_ed25519"), "key", 0o600);
    for (const path of [hidden, key, here.home, userInfo().homedir].filter((each) => each !== here.dir)) {
      const { stdout } = await here.run(["--", "sh", "-c", 'ls -A "$0" 2>/dev/null', path]);
      expect(stdout).toBe("");
    }
  });

  test("/.. and /../.. are / itself, from PID 1's view too", async () => {
    const ids = await here.inside("stat -L -c %d:%i / /.. /../.. /proc/1/root /proc/1/root/.. /proc/self/root/../..");
    expect(new Set(ids.trim().split("\n")).size).toBe(1);
  });

  test("a chroot is refused", async () => {
    expect((await here.run(["--", "/usr/sbin/chroot", here.dir, "true"])).stderr).toContain("Operation not permitted");
  });

  test("no mount of the old root, and no detached one, is in mountinfo", async () => {
    const lines = (await here.inside("cat /proc/self/mountinfo")).trim().split("\n");
    const points = lines.map((line) => line.split(" ")[4] ?? "");
    const own = /^\/(usr|bin|sbin|lib[^/]*|etc|opt|nix|snap|proc|sys|dev)(\/|$)/;
    expect(points.filter((point) => point !== "/" && point !== here.dir && !own.test(point))).toEqual([]);
    expect(points.filter((point) => point === "/")).toHaveLength(1);
    expect(lines.filter((line) => / (shared|master|propagate_from):/.test(line))).toEqual([]);
  });

  test("every mount has nosuid, and every one but /dev's nodes has nodev", async () => {
    const rows = (await here.inside("cut -d' ' -f5,6 /proc/self/mountinfo")).trim().split("\n");
    expect(rows.filter((row) => !row.includes("nosuid"))).toEqual([]);
    const devices = rows.filter((row) => !row.includes("nodev")).map((row) => row.split(" ")[0]);
    expect(
      devices.filter(
        (path) => !/^\/(dev(\/(null|zero|full|random|urandom|tty|pts))?|proc\/.*|sys\/.*)$/.test(path ?? ""),
      ),
    ).toEqual([]);
  });

  test("nothing of /usr, /etc and / itself of the host can be written", async () => {
    for (const path of ["/usr/x", "/etc/x", "/usr/bin/env"]) {
      const { stderr } = await here.run(["--", "sh", "-c", `: >> ${path}`]);
      expect(stderr).toMatch(/Read-only file system|Permission denied/);
    }
  });

  test("root inside, with its default capabilities, can neither remount nor unmount nor mount", async () => {
    for (const command of ["mount -o remount,bind,rw /usr", "umount /proc/interrupts", "mount -t tmpfs none /tmp"]) {
      const { code, stderr } = await here.run(["--user", "0:0", "--", "sh", "-c", command]);
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/permission denied|must be superuser|Operation not permitted/);
    }
  });
});

describe("the kernel's own file systems", () => {
  test.each(["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts"])("%s is masked", async (path) => {
    expect(await here.inside(`[ ! -e ${path} ] || head -c 1 ${path} | wc -c`)).toMatch(/^(0\n)?$/);
  });

  test.each([
    "/proc/sys/kernel/hostname",
    "/proc/sysrq-trigger",
    "/proc/irq/default_smp_affinity",
    "/sys/kernel/mm/ksm/run",
  ])("%s cannot be written, by root inside neither", async (path) => {
    const { code } = await here.run(["--user", "0:0", "--", "sh", "-c", `echo 0 > ${path}`]);
    expect(code).not.toBe(0);
  });

  test("/proc and /sys are new ones of this sandbox", async () => {
    const rows = await here.inside("grep -E ' - (proc|sysfs) ' /proc/self/mountinfo | cut -d' ' -f4,5 | grep '^/ '");
    expect(rows).toBe("/ /proc\n/ /sys\n");
  });

  test("/sys/class/net shows the sandbox's own interfaces alone", async () => {
    expect(await here.inside("ls /sys/class/net")).toBe("lo\ntap0\n");
    expect(await here.inside("ls /sys/class/net", ["--net", "none"])).toBe("lo\n");
  });

  test("/dev has the usual nodes, links and folders, and no others", async () => {
    expect((await here.inside("ls /dev")).trim().split("\n").sort()).toEqual([
      "fd",
      "full",
      "mqueue",
      "null",
      "ptmx",
      "pts",
      "random",
      "shm",
      "stderr",
      "stdin",
      "stdout",
      "tty",
      "urandom",
      "zero",
    ]);
  });

  test("the nodes of /dev work", async () => {
    const out = await here.inside(
      "head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; echo gone > /dev/null; (env echo x > /dev/full) 2>&1 | grep -o 'No space.*'; echo shm > /dev/shm/x && cat /dev/shm/x; echo out > /dev/stdout | cat",
    );
    expect(out).toBe("4\n4\nNo space left on device\nshm\nout\n");
  });

  test("a pseudo-terminal can be made inside, in the sandbox's own /dev/pts", async () => {
    const script = "import os; m, s = os.openpty(); print(os.ttyname(s)); os.write(m, b'x\\n'); print(os.read(s, 9))";
    const { stdout } = await here.run(["--", "python3", "-c", script]);
    expect(stdout).toBe("/dev/pts/0\nb'x\\n'\n");
  });

  test("POSIX shared memory and message queues are private", async () => {
    expect(await here.inside("ls -A /dev/shm /dev/mqueue")).toBe("/dev/mqueue:\n\n/dev/shm:\n");
  });
});
