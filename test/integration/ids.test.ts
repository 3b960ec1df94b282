// Who the command is, inside and outside: --userns, --uidmap, --gidmap, --user, --group-add; with newuidmap, without, and with one that cannot work.
import { describe, expect, test } from "bun:test";
import { asRoot, noIdRange, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const uid = process.getuid?.() ?? 0;
const gid = process.getgid?.() ?? 0;
const withRange = testWhere(noIdRange(), asRoot());

/** Lines of three numbers. */
async function uidMap(args: readonly string[]): Promise<readonly (readonly number[])[]> {
  const text = await here.inside("cat /proc/self/uid_map", args);
  return text
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
}

describe("--userns range", () => {
  withRange("on the host's view maps the caller to itself, and the subordinate ids around it", async () => {
    const map = await uidMap(["--userns", "range"]);
    expect(map).toContainEqual([uid, uid, 1]);
    const others = map.filter(([, outside]) => outside !== uid);
    expect(others[0]?.[0]).toBe(0);
    expect(others.reduce((sum, [, , count = 0]) => sum + count, 0)).toBeGreaterThanOrEqual(1000);
    // No id inside twice, and none left out below the caller's.
    const sorted = [...map].sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
    const ends = sorted.map(([inside = 0, , count = 0]) => inside + count);
    expect(sorted.slice(1).map(([inside]) => inside)).toEqual(ends.slice(0, -1));
  });

  withRange("setgroups is allowed, and --group-add gives groups", async () => {
    expect(
      await here.inside("cat /proc/self/setgroups; id -G", [
        "--userns",
        "range",
        "--group-add",
        "4",
        "--group-add",
        "24",
      ]),
    ).toBe(`allow\n${gid} 4 24\n`);
  });

  withRange("without --group-add the caller's further groups are dropped", async () => {
    expect(await here.inside("id -G", ["--userns", "range"])).toBe(`${gid}\n`);
  });

  withRange("root inside gives files away, and outside they belong to a subordinate id", async () => {
    await here.inside("touch f && chown 33:33 f && stat -c %u:%g f > seen", [
      "--userns",
      "range",
      "--user",
      "0:0",
      "-v",
      `${here.dir}:/w`,
      "-w",
      "/tmp",
    ]);
    const script = "cd /tmp && touch f && chown 33:33 f && stat -c %u:%g f";
    expect(await here.inside(script, ["--userns", "range", "--user", "0:0"])).toBe("33:33\n");
  });

  withRange("root inside becomes another user by setpriv", async () => {
    const script = "setpriv --reuid 33 --regid 33 --clear-groups id -u";
    expect(await here.inside(script, ["--userns", "range", "--user", "0:0"])).toBe("33\n");
  });

  withRange("a command as another user than the caller cannot write the caller's folder", async () => {
    await here.host(["chmod", "755", here.dir]);
    const { code, stderr } = await here.run(["--userns", "range", "--user", "33:33", "--", "touch", "x"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("Permission denied");
  });

  withRange("nothing is left of the helpers: no child, no descriptor", async () => {
    const script = "ls /proc/self/fd | wc -l; ps -e -o comm= | grep -c uidmap || true";
    expect(await here.inside(script, ["--userns", "range"])).toBe("4\n0\n");
  });
});

describe("--uidmap and --gidmap", () => {
  test("one line to oneself takes no helper", async () => {
    const args = ["--uidmap", `5:${uid}:1`, "--gidmap", `6:${gid}:1`, "--user", "5:6"];
    expect(await uidMap(args)).toEqual([[5, uid, 1]]);
    expect(await here.inside("id -u; id -g", args)).toBe("5\n6\n");
  });

  withRange("a line of the subordinate range goes through newuidmap", async () => {
    const [, range] = await uidMap(["--userns", "range", "--user", "0:0"]).then((map) =>
      map.toSorted((a, b) => (b[2] ?? 0) - (a[2] ?? 0)),
    );
    const start = range?.[1] ?? 0;
    const args = ["--uidmap", `0:${uid}:1`, "--uidmap", `1:${start}:10`, "--gidmap", `0:${gid}:1`, "--user", "0:0"];
    expect(await uidMap(args)).toEqual([
      [0, uid, 1],
      [1, start, 10],
    ]);
  });

  withRange("a range that is not the caller's is refused by newuidmap, in its own words", async () => {
    const { code, stderr } = await here.run([
      "--uidmap",
      `0:${uid}:1`,
      "--uidmap",
      "1:4000000:10",
      "--gidmap",
      `0:${gid}:1`,
      "--user",
      "0:0",
      "--",
      "true",
    ]);
    expect(code).toBe(125);
    expect(stderr).toContain("newuidmap");
    expect(stderr).toMatch(/not allowed|4000000/);
  });
});

describe("keep-id and auto", () => {
  test("keep-id is the caller on the host's view", async () => {
    expect(await here.inside("id -u", ["--userns", "keep-id"])).toBe(`${uid}\n`);
  });

  test("auto on the host's view is one id, helper or not", async () => {
    expect(await uidMap([])).toEqual([[uid, uid, 1]]);
  });
});

describe("where newuidmap cannot work", () => {
  // An outer user namespace of our own, in which something lies over the helpers.
  const covered = [
    "unshare",
    "-Urm",
    "sh",
    "-c",
    'for p in newuidmap newgidmap; do [ ! -e /usr/bin/$p ] || mount --bind /dev/null /usr/bin/$p; done; exec "$@"',
    "sh",
  ];

  testWhere(asRoot())("--userns range says which helper, and how to do without", async () => {
    const { code, stderr } = await here.run(["--userns", "range", "--", "true"], { via: covered });
    expect(code).toBe(125);
    expect(stderr).toContain("newuidmap");
    expect(stderr).toContain("--userns single");
  });

  testWhere(asRoot())("auto on another root file system falls back to one id, root", async () => {
    here.folder("root/bin");
    await here.host(["cp", "/bin/busybox", "root/bin/busybox"]);
    const { code, stdout } = await here.run(
      ["--rootfs", "root", "--", "/bin/busybox", "sh", "-c", "busybox id -u; busybox cat /proc/self/uid_map"],
      { via: covered },
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^0\n +0 +\d+ +1\n$/);
  });

  testWhere(noIdRange(), asRoot())("no_new_privs takes the helpers' power, and the message says so", async () => {
    const { code, stderr } = await here.run(["--userns", "range", "--", "true"], {
      via: ["setpriv", "--no-new-privs"],
    });
    expect(code).toBe(125);
    expect(stderr).toContain("no_new_privs");
  });

  testWhere(noIdRange(), asRoot())("everything else works with no_new_privs set", async () => {
    expect((await here.run(["--", "echo", "on"], { via: ["setpriv", "--no-new-privs"] })).stdout).toBe("on\n");
  });
});

describe("where user namespaces are forbidden", () => {
  test("max_user_namespaces 0 is told, with the sysctl", async () => {
    const via = ["unshare", "-Ur", "sh", "-c", 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"', "sh"];
    const { code, stderr } = await here.run(["--", "true"], { via });
    expect(code).toBe(125);
    expect(stderr).toContain("max_user_namespaces");
  });

  test("so are the other namespaces' limits", async () => {
    for (const name of ["net", "pid", "mnt", "ipc", "uts", "cgroup"]) {
      const via = ["unshare", "-Ur", "sh", "-c", `echo 0 > /proc/sys/user/max_${name}_namespaces && exec "$@"`, "sh"];
      const { code, stderr } = await here.run(["--", "true"], { via });
      expect([name, code]).toEqual([name, 125]);
      expect(stderr).toContain(`max_${name}_namespaces`);
    }
  });

  test("in a chroot, where the kernel allows none, the error says what was refused", async () => {
    const via = [
      "unshare",
      "-Urm",
      "sh",
      "-c",
      'mkdir -p jail && mount --rbind / jail && exec /usr/sbin/chroot jail "$@"',
      "sh",
    ];
    const { code, stderr } = await here.run(["--", "true"], { via });
    expect(code).toBe(125);
    expect(stderr).toContain("Cannot create a user namespace");
  });

  test("33 levels of user namespaces are the kernel's limit, and it is told", async () => {
    const script = `
import os, sys
depth = int(sys.argv[1])
if depth == 0: os.execv(sys.argv[2], sys.argv[2:])
os.execvp("unshare", ["unshare", "-Ur", "python3", __file__, str(depth - 1), *sys.argv[2:]])`;
    const path = here.file("nest.py", script);
    const { code, stderr } = await here.run(["--", "true"], { via: ["python3", path, "33"] });
    expect(code).toBe(125);
    expect(stderr).toMatch(/nest|levels|32/);
  });
});
