// What the mount flags show, hide and forbid.
import { describe, expect, test } from "bun:test";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { asRoot, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const data = here.folder(join(here.root, "outside"));
here.file(join(data, "file"), "content\n");
here.file(join(data, "tool"), "#!/bin/sh\necho ran\n", 0o755);

/** Mount options of one path inside. */
async function optionsOf(path: string, args: readonly string[]): Promise<readonly string[]> {
  const out = await here.inside(`awk -v p=${path} '$5 == p { print $6 }' /proc/self/mountinfo | tail -n 1`, args);
  return out.trim().split(",");
}

describe("--volume", () => {
  test("shows a folder at another path, writable", async () => {
    expect(await here.inside("cat /data/file; echo new > /data/new", ["-v", `${data}:/data`])).toBe("content\n");
    expect(readFileSync(join(data, "new"), "utf8")).toBe("new\n");
  });

  test("with ro it cannot be written, by root inside neither", async () => {
    const { code, stderr } = await here.run([
      "--user",
      "0:0",
      "-v",
      `${data}:/data:ro`,
      "--",
      "sh",
      "-c",
      "echo x > /data/no",
    ]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("Read-only file system");
  });

  test("a source alone is shown at its own path", async () => {
    expect(await here.inside(`cat ${data}/file`, ["-v", data])).toBe("content\n");
  });

  test("relative sources and ~ are the caller's", async () => {
    here.file("rel/f", "relative\n");
    here.file(join(here.home, "own/f"), "home\n");
    expect(await here.inside("cat /r/f /h/f", ["-v", "./rel:/r", "-v", "~/own:/h"])).toBe("relative\nhome\n");
  });

  test("a file on a file, existing or not, in a folder that is made", async () => {
    const out = await here.inside("cat /etc/hosts; cat /deep/down/f", [
      "-v",
      `${data}/file:/etc/hosts`,
      "-v",
      `${data}/file:/deep/down/f`,
    ]);
    expect(out).toBe("content\ncontent\n");
  });

  test("a source that is a link is what it leads to", async () => {
    symlinkSync(data, join(here.root, "to-data"));
    expect(await here.inside("cat /d/file", ["-v", `${here.root}/to-data:/d`])).toBe("content\n");
  });

  test("a missing source is an error, and with try it is left out", async () => {
    const { code, stderr } = await here.run(["-v", "/no/such:/data", "--", "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain("/no/such");
    expect(stderr).toContain(":try");
    expect(await here.inside("[ -e /data ] || echo absent", ["-v", "/no/such:/data:try"])).toBe("absent\n");
    expect(await here.inside("cat /data/file", ["-v", `${data}:/data:try`])).toBe("content\n");
  });

  test("one below another, given in either order", async () => {
    const inner = here.folder(join(here.root, "inner"));
    here.file(join(inner, "f"), "inner\n");
    for (const args of [
      ["-v", `${data}:/a`, "-v", `${inner}:/a/b`],
      ["-v", `${inner}:/a/b`, "-v", `${data}:/a`],
    ])
      expect(await here.inside("cat /a/file /a/b/f", args)).toBe("content\ninner\n");
  });

  test("a folder in a read-only place where it does not exist is an error that says what to do", async () => {
    const { code, stderr } = await here.run(["-v", `${data}:/usr/no-such-folder`, "--", "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain("/usr/no-such-folder");
    expect(stderr.toLowerCase()).toContain("read-only");
  });

  test("a path with a colon goes through --mount", async () => {
    const odd = here.folder(join(here.root, "a:b"));
    here.file(join(odd, "f"), "colon\n");
    expect(await here.inside("cat /odd/f", ["--mount", `type=bind,src=${odd},dst=/odd`])).toBe("colon\n");
  });

  test("in a destination, links inside the sandbox lead nowhere outside of it", async () => {
    here.folder("evil");
    symlinkSync("/", join(here.dir, "evil/root"));
    symlinkSync("../../../../../../../..", join(here.dir, "evil/up"));
    const out = await here.inside("cat /made/file /climbed/file", [
      "-v",
      `${data}:${here.dir}/evil/root/made`,
      "-v",
      `${data}:${here.dir}/evil/up/climbed`,
    ]);
    expect(out).toBe("content\ncontent\n");
    expect((await here.host(["ls", "/made", "/climbed"])).code).not.toBe(0);
  });
});

describe("mount options", () => {
  test("nosuid and nodev are on whether asked for or not", async () => {
    expect(await optionsOf("/data", ["-v", `${data}:/data`])).toEqual(
      expect.arrayContaining(["rw", "nosuid", "nodev"]),
    );
  });

  test("noexec keeps a program from being executed", async () => {
    expect(await here.inside("/data/tool", ["-v", `${data}:/data`])).toBe("ran\n");
    const { code } = await here.run(["-v", `${data}:/data:noexec`, "--", "/data/tool"]);
    expect(code).toBe(126);
  });

  testWhere(asRoot())("nodev keeps the host's device nodes from being opened, --device opens one", async () => {
    const { stderr } = await here.run(["-v", "/dev:/host-dev", "--", "sh", "-c", ": < /host-dev/null"]);
    expect(stderr).toContain("Permission denied");
    expect(await here.inside("cat < /dev/other-null; echo read", ["--device", "/dev/null:/dev/other-null"])).toBe(
      "read\n",
    );
  });

  test("nosymfollow keeps links from being followed", async () => {
    symlinkSync("file", join(data, "link"));
    const { code } = await here.run(["-v", `${data}:/data:nosymfollow`, "--", "cat", "/data/link"]);
    expect(code).not.toBe(0);
    expect(await here.inside("cat /data/link", ["-v", `${data}:/data`])).toBe("content\n");
  });

  test("ro holds for what is mounted below the source too", async () => {
    const sub = here.folder(join(data, "sub"));
    const script = `mount -t tmpfs none ${sub} && "$@"`;
    const via = ["unshare", "-Urm", "sh", "-c", script, "sh"];
    const write = ["--", "sh", "-c", "touch /data/sub/x && echo written"];
    expect((await here.run(["-v", `${data}:/data`, ...write], { via })).stdout).toBe("written\n");
    expect((await here.run(["-v", `${data}:/data:ro`, ...write], { via })).stderr).toContain("Read-only file system");
  });

  test("bind without r leaves out what is mounted below, where nothing was covered", async () => {
    const sub = here.folder(join(data, "sub2"));
    const script = `mount -t tmpfs none ${sub} && touch ${sub}/below && "$@"`;
    const via = ["unshare", "-Urm", "sh", "-c", script, "sh"];
    expect((await here.run(["-v", `${data}:/data`, "--", "ls", "/data/sub2"], { via })).stdout).toBe("below\n");
    // The kernel keeps mounts of a more privileged namespace together, mount_namespaces(7): asked for, it says so.
    const { code, stderr } = await here.run(["-v", `${data}:/data:bind`, "--", "ls", "/data/sub2"], { via });
    expect(code).toBe(125);
    expect(stderr).toContain("/data");
  });
});

describe("--mount", () => {
  test.each([
    [`type=bind,src=DATA,dst=/m,ro`, "ro"],
    [`type=bind,source=DATA,target=/m,readonly`, "ro"],
    [`type=bind,src=DATA,destination=/m,ro=true`, "ro"],
    [`src=DATA,dst=/m,rw`, "rw"],
    [`type=bind,src=DATA,dst=/m,ro=false`, "rw"],
  ])("%s", async (text, access) => {
    const args = ["--mount", text.replace("DATA", data)];
    expect(await here.inside("cat /m/file", args)).toBe("content\n");
    expect(await optionsOf("/m", args)).toContain(access);
  });

  test("tmpfs with size, mode and number of inodes, each enforced", async () => {
    const args = ["--mount", "type=tmpfs,dst=/t,size=64k,mode=0700,nr_inodes=5"];
    expect(await here.inside("stat -c %a /t; stat -f -c %T /t", args)).toBe("700\ntmpfs\n");
    expect((await here.run([...args, "--", "sh", "-c", "head -c 100k /dev/zero > /t/x"])).stderr).toContain(
      "No space left",
    );
    expect((await here.run([...args, "--", "sh", "-c", "touch /t/1 /t/2 /t/3 /t/4 /t/5 /t/6"])).stderr).toContain(
      "No space left",
    );
  });

  test.each([
    ["proc", "cat /m/1/comm", "sandbox-init\n"],
    ["mqueue", "stat -f -c %T /m", "mqueue\n"],
    ["devpts", "ls /m", "ptmx\n"],
    ["sysfs", "ls /m/class/net", "lo\ntap0\n"],
  ])("%s a second time, elsewhere", async (type, script, out) => {
    expect(await here.inside(script, ["--mount", `type=${type},dst=/m`])).toBe(out);
  });

  test("overlay of two folders, written to a third", async () => {
    for (const [name, content] of [
      ["low", "low"],
      ["mid", "mid"],
    ] as const)
      here.file(join(here.root, `o/${name}/${name}`), `${content}\n`);
    const [upper, work] = [here.folder(join(here.root, "o/up")), here.folder(join(here.root, "o/work"))];
    const layers = `lowerdir=${here.root}/o/mid:${here.root}/o/low,upperdir=${upper},workdir=${work}`;
    expect(
      await here.inside("cat /m/low /m/mid; echo new > /m/new; rm /m/low; ls /m", [
        "--mount",
        `type=overlay,dst=/m,${layers}`,
      ]),
    ).toBe("low\nmid\nmid\nnew\n");
    expect(readFileSync(join(upper, "new"), "utf8")).toBe("new\n");
    expect(readFileSync(join(here.root, "o/low/low"), "utf8")).toBe("low\n");
  });

  test.each([
    ["type=bind,src=/etc", "dst="],
    ["type=nfs,dst=/m", "type"],
    ["type=tmpfs,dst=/m,colour=red", "colour"],
    ["type=bind,dst=/m", "src"],
    ["type=tmpfs,src=/x,dst=/m", "src"],
    ["type=tmpfs,dst=m", "absolute"],
    ["type=tmpfs,dst=/a/../m", ".."],
    ["type=bind,src=/etc,dst=/m,propagation=sideways", "propagation"],
    ["type=tmpfs,dst=/m,size=lots", "size"],
  ])("%s is wrong usage, and the message says what it takes", async (text, word) => {
    const { code, stderr } = await here.run(["--mount", text, "--", "true"]);
    expect(code).toBe(2);
    expect(stderr).toContain(word);
  });
});

describe("--tmpfs", () => {
  test("is empty, writable by everyone, and as large as it was made", async () => {
    const args = ["--tmpfs", "/scratch:size=1m"];
    expect(
      await here.inside("ls -A /scratch; stat -c %a /scratch; head -c 1000k /dev/zero > /scratch/x && echo fits", args),
    ).toBe("1777\nfits\n");
    const { code, stderr } = await here.run([...args, "--", "sh", "-c", "head -c 1100k /dev/zero > /scratch/x"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("No space left");
  });

  test("over a folder of the host hides its content", async () => {
    expect(await here.inside("ls -A /usr/share", ["--tmpfs", "/usr/share"])).toBe("");
  });

  test("takes ro, noexec and mode", async () => {
    expect(await optionsOf("/s", ["--tmpfs", "/s:ro,noexec,mode=0500"])).toEqual(
      expect.arrayContaining(["ro", "noexec", "nosuid", "nodev"]),
    );
  });
});

describe("--hide", () => {
  test("a folder is empty and cannot be written, a file is empty", async () => {
    const out = await here.inside(
      "ls -A /etc/ssl; touch /etc/ssl/x 2>&1 | grep -o 'Read-only file system'; wc -c < /etc/passwd",
      ["--hide", "/etc/ssl", "--hide", "/etc/passwd"],
    );
    expect(out).toBe("Read-only file system\n0\n");
  });

  test("a path in the current folder, in a volume, and through a link", async () => {
    here.file("hidden/secret", "secret");
    here.file(".env", "secret");
    const out = await here.inside("ls -A hidden; wc -c < .env; wc -c < /data/file", [
      "--hide",
      `${here.dir}/hidden`,
      "--hide",
      `${here.dir}/.env`,
      "-v",
      `${data}:/data`,
      "--hide",
      "/data/file",
    ]);
    expect(out).toBe("0\n0\n");
  });

  test("what does not exist cannot be hidden: an error, since it may be a typing mistake", async () => {
    const { code, stderr } = await here.run(["--hide", "/etc/no-such-thing", "--", "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain("/etc/no-such-thing");
  });
});

describe("--file", () => {
  test("copies content in, and changes inside do not reach the source", async () => {
    expect(await here.inside("echo more >> /conf/app; cat /conf/app", ["--file", `${data}/file:/conf/app`])).toBe(
      "content\nmore\n",
    );
    expect(readFileSync(join(data, "file"), "utf8")).toBe("content\n");
  });

  test("replaces a file of the host's", async () => {
    expect(await here.inside("cat /etc/issue", ["--file", `${data}/file:/etc/issue`])).toBe("content\n");
  });

  testWhere(asRoot())("a source that may not be read is an error that says so", async () => {
    const source = "/etc/shadow";
    const { code, stderr } = await here.run(["--file", `${source}:/x`, "--", "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain(`${source} may not be read`);
  });

  test("a copy that does not fit is an error, not a shorter file", async () => {
    await Bun.write(join(here.dir, "large"), new Uint8Array(2 << 20));
    const { code, stderr } = await here.run(["--overlay-size", "1m", "--file", "large:/large", "--", "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain("full");
  });

  test("bytes of every value and a file of ten megabytes come through", async () => {
    const bytes = new Uint8Array(10 << 20).map((_, i) => (i ^ (i >> 8)) & 0xff);
    await Bun.write(join(here.dir, "binary"), bytes);
    const { stdout } = await here.run(["--file", "binary:/binary", "--", "sha256sum", "/binary"]);
    expect(stdout.split(" ")[0]).toBe(new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
  });

  test("a missing source, and a folder as source, are errors that name it", async () => {
    for (const source of ["/no/such/file", data]) {
      const { code, stderr } = await here.run(["--file", `${source}:/x`, "--", "true"]);
      expect(code).toBe(125);
      expect(stderr).toContain(source);
    }
  });
});

describe("--device", () => {
  test("a path outside of /dev is wrong usage", async () => {
    const { code, stderr } = await here.run(["--device", "/etc/passwd", "--", "true"]);
    expect(code).toBe(2);
    expect(stderr).toContain("/dev");
  });

  test("a device that does not exist is an error that names it", async () => {
    const { code, stderr } = await here.run(["--device", "/dev/no-such-device", "--", "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain("/dev/no-such-device");
  });
});

describe("--read-only and --proc", () => {
  test("--read-only makes / read-only, and leaves the current folder and a --tmpfs writable", async () => {
    expect((await here.run(["--read-only", "--", "sh", "-c", "touch /x"])).stderr).toContain("Read-only file system");
    expect(await here.inside("touch /var/tmp/x && touch here && echo ok", ["--read-only", "--tmpfs", "/var/tmp"])).toBe(
      "ok\n",
    );
  });

  test("--proc bind shows the outer /proc, and our masks lie on it", async () => {
    const { code, stdout } = await here.run([
      "--proc",
      "bind",
      "--",
      "sh",
      "-c",
      `cat /proc/${process.pid}/comm; wc -c < /proc/interrupts`,
    ]);
    expect(code).toBe(0);
    expect(stdout).toEndWith("\n0\n");
    expect(stdout.split("\n")[0]).not.toBe("");
  });

  test("another --proc is wrong usage", async () => {
    expect((await here.run(["--proc", "none", "--", "true"])).code).toBe(2);
  });

  test("a thousand mounts work", async () => {
    const args = Array.from({ length: 1000 }, (_, i) => ["-v", `${data}:/many/${i}:ro`]).flat();
    expect(await here.inside("grep -c ' /many/' /proc/self/mountinfo; cat /many/999/file", args)).toBe(
      "1000\ncontent\n",
    );
  }, 30_000);
});
