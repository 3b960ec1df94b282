// What the command finds around it: namespaces, processes, ids, mounts, privileges, descriptors, environment.
import { describe, expect, test } from "bun:test";
import { readlinkSync } from "node:fs";
import { LineReader } from "../support/line_reader.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();

describe("namespaces", () => {
  const NAMESPACES = ["user", "pid", "mnt", "uts", "ipc", "net", "cgroup"];

  test.each(NAMESPACES)("the %s namespace is another one than the host's", async (name) => {
    const own = (await here.inside(`readlink /proc/self/ns/${name}`)).trim();
    expect(own).toMatch(new RegExp(`^${name}:\\[\\d+\\]$`));
    expect(own).not.toBe(readlinkSync(`/proc/self/ns/${name}`));
  });

  test("the network namespace is the host's with --net host", async () => {
    const own = await here.inside("readlink /proc/self/ns/net", ["--net", "host"]);
    expect(own.trim()).toBe(readlinkSync("/proc/self/ns/net"));
  });

  test("the time namespace is the host's unless it is asked for", async () => {
    const read = "readlink /proc/self/ns/time";
    expect((await here.inside(read)).trim()).toBe(readlinkSync("/proc/self/ns/time"));
    expect((await here.inside(read, ["--time"])).trim()).not.toBe(readlinkSync("/proc/self/ns/time"));
  });

  test("two sandboxes at a time share no namespace", async () => {
    const list = `for n in ${NAMESPACES.join(" ")}; do readlink /proc/self/ns/$n; done`;
    const first = here.start(["--", "sh", "-c", `${list}; echo; read wait`]);
    const one = await new LineReader(first.stdout).until("");
    const two = (await here.inside(list)).trim().split("\n");
    first.stdin.end();
    expect(await first.exited).toBe(1);
    expect(new Set([...one.slice(0, -1), ...two]).size).toBe(2 * NAMESPACES.length);
  });
});

describe("processes", () => {
  test("ps shows PID 1, the command and itself, and nothing of the host", async () => {
    const rows = (await here.inside("ps -e -o pid=,comm=")).trim().split("\n");
    expect(rows.map((row) => row.trim().split(/\s+/))).toEqual([
      ["1", "sandbox-init"],
      ["2", "sh"],
      ["3", "ps"],
    ]);
  });

  test("/proc/1/exe leads to no file of the host", async () => {
    const { stdout } = await here.run(["--", "readlink", "/proc/1/exe"]);
    expect(stdout).toMatch(/^(\/memfd:|$)/);
  });
});
