// Mount propagation across the edge of a sandbox, mount_namespaces(7), as who sees which file. The sandbox's user namespace is
// less privileged than the one outside, so the kernel turns every peer group that crosses the edge into master and
// slave: mounts can come in where that was asked for, and never go out.
import { describe, expect, test } from "bun:test";
import { SANDBOX, workspace } from "../support/workspace.ts";

const here = workspace();

type Source = "shared" | "private" | "slave";
type Seen = { readonly inside: boolean; readonly outside: boolean };

// In a mount namespace where we may mount: `master` is a file system, `source` is what the sandbox is given. While the command
// runs, something is mounted on master/outer, then by the command on /in/inner; each side says what it sees of the other.
const OUTSIDE = `
set -e
kind=$1; shift
mkdir -p master source; mount -t tmpfs none master; mkdir master/outer master/inner master/deep
mount -t tmpfs none master/deep; mkdir master/deep/outer
mount --make-rshared master
mount --rbind master source
case $kind in
  shared) ;;
  private) mount --make-rprivate source ;;
  slave) mount --make-rslave source ;;
esac
rm -f to from; mkfifo to from
"$@" <to >from & exec 3>to 4<from
read ready <&4; [ "$ready" = ready ]
place=master; [ $kind = private ] && place=source
mount -t tmpfs none $place/outer; touch $place/outer/file
mount -t tmpfs none $place/deep/outer; touch $place/deep/outer/file
echo go >&3
read inside <&4; echo "inside $inside"
read deep <&4; echo "deep $deep"
read mounted <&4; [ "$mounted" = mounted ]
for side in master source; do if [ -e $side/inner/file ]; then echo "$side sees"; fi; done
echo done >&3; wait`;

const INSIDE = `
echo ready; read go
if [ -e /in/outer/file ]; then echo yes; else echo no; fi
if [ -e /in/deep/outer/file ]; then echo yes; else echo no; fi
mount -t tmpfs none /in/inner && touch /in/inner/file && echo mounted; read done`;

async function propagation(kind: Source, option: string): Promise<Seen & { readonly deep: boolean }> {
  const volume = `${here.dir}/source:/in${option === "" ? "" : `:${option}`}`;
  const run = [SANDBOX, "run", "--user", "0:0", "--cap-add", "SYS_ADMIN", "-v", volume, "--", "sh", "-c", INSIDE];
  const { code, stdout, stderr } = await here.host(
    ["unshare", "-Urm", "--propagation", "private", "sh", "-c", OUTSIDE, "sh", kind, ...run],
    {},
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return { inside: stdout.includes("inside yes"), deep: stdout.includes("deep yes"), outside: stdout.includes("sees") };
}

describe("a mount made outside, while the command runs, is seen inside", () => {
  const CASES: readonly (readonly [source: Source, option: string, seen: boolean])[] = [
    ["shared", "", false],
    ["shared", "private", false],
    ["shared", "rprivate", false],
    ["shared", "unbindable", false],
    ["shared", "slave", true],
    ["shared", "rslave", true],
    ["shared", "shared", true],
    ["shared", "rshared", true],
    ["private", "", false],
    ["private", "rprivate", false],
    ["private", "rslave", false],
    ["private", "rshared", false],
    ["slave", "", false],
    ["slave", "rprivate", false],
    ["slave", "rslave", true],
    ["slave", "rshared", true],
  ];

  test.each(CASES)(
    "source %s, option %p: %p; and one made inside is never seen outside",
    async (source, option, seen) => {
      const { inside, outside } = await propagation(source, option);
      expect({ inside, outside }).toEqual({ inside: seen, outside: false });
    },
  );
});

describe("below the source's own submounts", () => {
  test.each([
    ["", false],
    ["rprivate", false],
    ["rslave", true],
    ["rshared", true],
  ] as const)("option %p reaches them: %p", async (option, seen) => {
    expect((await propagation("shared", option)).deep).toBe(seen);
  });

  test.each(["private", "unbindable"])(
    "%s is the top mount's alone, as mount(2) has it: they stay slaves",
    async (option) => {
      const { inside, deep, outside } = await propagation("shared", option);
      expect({ inside, deep, outside }).toEqual({ inside: false, deep: true, outside: false });
    },
  );
});

describe("between places inside", () => {
  const args = ["--user", "0:0", "--cap-add", "SYS_ADMIN"];
  const made = here.folder("made");
  here.folder("made/sub");

  const seesBind = async (option: string): Promise<string> => {
    const script =
      "mkdir /b && mount --bind /a /b && mount -t tmpfs none /a/sub && touch /a/sub/x && ls /b/sub | wc -l && mount -t tmpfs none /b/sub && touch /b/sub/y && ls /a/sub";
    return here.inside(script, [...args, "-v", `${made}:/a:${option}`]);
  };

  test("a bind of a shared mount is its peer: what is mounted on one is seen on the other, both ways", async () => {
    expect(await seesBind("shared")).toBe("1\ny\n");
  });

  test("a bind of a private mount is not", async () => {
    expect(await seesBind("private")).toBe("0\nx\n");
  });

  test("an unbindable mount cannot be bound", async () => {
    const { code, stderr } = await here.run([
      ...args,
      "-v",
      `${made}:/a:unbindable`,
      "--",
      "sh",
      "-c",
      "mkdir /b && mount --bind /a /b",
    ]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("/a");
  });

  test("all other mounts are private, where all of the host's are shared: nothing in mountinfo says shared or master", async () => {
    const via = ["unshare", "-Urm", "--propagation", "shared"];
    expect((await here.host(["grep", "-c", " shared:", "/proc/self/mountinfo"], { via })).stdout).not.toBe("0\n");
    const { stdout } = await here.run(["--", "grep", "-cE", " (shared|master):", "/proc/self/mountinfo"], { via });
    expect(stdout).toBe("0\n");
  });
});

describe("--mount and --tmpfs", () => {
  test("propagation= of --mount is the same as the volume's option", async () => {
    const out = await here.inside("grep ' /t ' /proc/self/mountinfo | grep -o 'shared:'", [
      "--mount",
      "type=tmpfs,dst=/t,propagation=shared",
    ]);
    expect(out).toBe("shared:\n");
    const bind = await here.inside("grep ' /t ' /proc/self/mountinfo | grep -o 'shared:'", [
      "--mount",
      `type=bind,src=${here.dir},dst=/t,bind-propagation=rshared`,
    ]);
    expect(bind).toBe("shared:\n");
  });
});
