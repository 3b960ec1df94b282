// A real Alpine Linux: the tarball that Alpine publishes, unpacked by the built binary and lived in.
import { describe, expect } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { makePackage } from "../support/apk_package.ts";
import { noIdRange, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const MACHINE = process.arch === "arm64" ? "aarch64" : "x86_64";
const TARBALL =
  process.env.ALPINE_MINIROOTFS ??
  resolve(import.meta.dir, `../../../shared/alpine/alpine-minirootfs-3.20.3-${MACHINE}.tar.gz`);
const NO_TARBALL = existsSync(TARBALL) ? undefined : "no Alpine tarball: set ALPINE_MINIROOTFS";
const SINGLE = ["--userns", "single", "--rootfs", TARBALL];
const withTarball = testWhere(NO_TARBALL);
const withRange = testWhere(NO_TARBALL, noIdRange());

describe("with one id", () => {
  withTarball("it is Alpine, and the command is root", async () => {
    const script =
      ". /etc/os-release; echo $ID $VERSION_ID; id -u; apk info 2>/dev/null | grep -c .; busybox | head -1";
    const { code, stdout, stderr } = await here.run([...SINGLE, "--", "sh", "-c", script]);
    expect(stdout).toMatch(/^alpine 3\.\d+\.\d+\n0\n1\d\nBusyBox v1/);
    expect([code, stderr]).toEqual([0, `Unpacking ${TARBALL}\n`]);
  });

  withTarball("apk works without newuidmap", async () => {
    const { code, stdout } = await here.run([...SINGLE, "--", "apk", "--version"]);
    expect(code).toBe(0);
    expect(stdout).toStartWith("apk-tools 2.");
  });

  withTarball("apk add of a local package works, though its files belong to an id that is not mapped", async () => {
    const apk = await makePackage(here, "1.0", "the tool works");
    const script =
      "apk add --no-network --allow-untrusted /tool.apk >/dev/null 2>&1; tool; stat -c %u:%g /usr/bin/tool; apk info -e tool";
    const { code, stdout } = await here.run([...SINGLE, "-v", `${apk}:/tool.apk:ro`, "--", "sh", "-c", script]);
    expect(stdout).toBe("the tool works\n0:0\ntool\n");
    expect(code).toBe(0);
  });

  withTarball("without the emulation, chown to another id fails", async () => {
    const script = "touch /x; chown 33:33 /x && echo yes || echo no";
    expect((await here.run([...SINGLE, "--", "sh", "-c", script])).stdout).toBe("yes\n");
    expect((await here.run([...SINGLE, "--no-emulate-root", "--", "sh", "-c", script])).stdout).toBe("no\n");
  });

  withTarball("a script of 200 steps comes to its end", async () => {
    const steps = Array.from(
      { length: 200 },
      (_, i) => `echo ${i} >> /tmp/log; test $(wc -l < /tmp/log) = ${i + 1} || exit 1`,
    );
    const { code, stdout } = await here.run([...SINGLE, "--", "sh", "-c", [...steps, "tail -1 /tmp/log"].join("\n")]);
    expect([code, stdout]).toEqual([0, "199\n"]);
  });

  withTarball("what is written is gone at the next run, and kept by --persist", async () => {
    await here.run([...SINGLE, "--", "sh", "-c", "echo x > /root/mark"]);
    expect((await here.run([...SINGLE, "--", "test", "-e", "/root/mark"])).code).toBe(1);
    await here.run([...SINGLE, "--persist", "kept", "--", "sh", "-c", "echo kept > /root/mark; rm /etc/motd"]);
    const again = await here.run([
      ...SINGLE,
      "--persist",
      "kept",
      "--",
      "sh",
      "-c",
      "cat /root/mark; test -e /etc/motd || echo gone",
    ]);
    expect(again.stdout).toBe("kept\ngone\n");
  });

  withTarball("a kept environment has one user at a time, and is free again when that one ends", async () => {
    const first = here.start([...SINGLE, "--persist", "busy", "--", "sh", "-c", "echo ready; cat"]);
    const reader = first.stdout.getReader();
    await reader.read();
    const second = await here.run([...SINGLE, "--persist", "busy", "--", "true"]);
    expect(second.code).toBe(125);
    expect(second.stderr).toContain("another sandbox is using it");
    await first.stdin.end();
    await first.exited;
    expect((await here.run([...SINGLE, "--persist", "busy", "--", "true"])).code).toBe(0);
  });

  withTarball("--read-only and --overlay-size hold", async () => {
    expect((await here.run([...SINGLE, "--read-only", "--", "touch", "/x"])).stderr).toContain("Read-only file system");
    const full = await here.run([
      ...SINGLE,
      "--overlay-size",
      "1m",
      "--",
      "dd",
      "if=/dev/zero",
      "of=/x",
      "bs=1M",
      "count=3",
    ]);
    expect(full.stderr).toContain("No space left on device");
  });
});

describe("with a range of ids", () => {
  withRange("adduser and su make a second user, whose files are its own", async () => {
    const script = "adduser -D bob && su bob -c 'id -u; touch /home/bob/x' && stat -c %u /home/bob/x";
    const { code, stdout } = await here.run(["--userns", "range", "--rootfs", TARBALL, "--", "sh", "-c", script]);
    expect([code, stdout]).toEqual([0, "1000\n1000\n"]);
  });

  withRange(
    "another user than root has no capabilities, and a group that is not root's can be read from its files",
    async () => {
      const script = "id -u; id -g; grep -h Cap /proc/self/status | sort -u -k2; stat -c %u:%g /etc/shadow";
      const args = ["--userns", "range", "--user", "1000:1000", "--rootfs", TARBALL, "--", "sh", "-c", script];
      const { code, stdout, stderr } = await here.run(args);
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(/^1000\n1000\nCap\w+:\t0000000000000000\n0:42\n$/);
    },
  );

  withRange("the maps are the caller and the range, exactly", async () => {
    const { stdout } = await here.run(["--userns", "range", "--rootfs", TARBALL, "--", "cat", "/proc/self/uid_map"]);
    const [first, second] = stdout
      .trim()
      .split("\n")
      .map((line) => line.trim().split(/\s+/).map(Number));
    expect(first).toEqual([0, process.getuid?.() ?? -1, 1]);
    expect(second?.[0]).toBe(1);
    expect(second?.[2]).toBeGreaterThan(1000);
  });
});

describe("the store", () => {
  withTarball("is written once: the second run changes nothing in it", async () => {
    await here.run([...SINGLE, "--", "true"]);
    const list = async (): Promise<string> =>
      (await here.host(["find", here.data, "-printf", "%p %i %T@ %C@\\n"])).stdout;
    const before = await list();
    expect((await here.run([...SINGLE, "--", "true"])).code).toBe(0);
    expect(await list()).toBe(before);
  });

  withTarball("a tarball that is cut off leaves nothing behind, and says so", async () => {
    const { code } = await here.host(["sh", "-c", `head -c 1000000 '${TARBALL}' > cut.tar.gz`]);
    expect(code).toBe(0);
    const before = readdirSync(join(here.data, "sandbox/rootfs")).length;
    const result = await here.run(["--rootfs", "cut.tar.gz", "--", "true"]);
    expect(result.code).toBe(125);
    expect(result.stderr).toContain("cut.tar.gz");
    expect(readdirSync(join(here.data, "sandbox/rootfs"))).toHaveLength(before);
    expect(readdirSync(join(here.data, "sandbox/tmp"))).toEqual([]);
  });
});
