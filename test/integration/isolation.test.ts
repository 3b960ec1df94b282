// What the command finds around it: namespaces, processes, ids, mounts.
import { describe, expect, test } from "bun:test";
import { readlinkSync } from "node:fs";
import { LineReader } from "../support/line_reader.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const uid = process.getuid?.() ?? 0;
const gid = process.getgid?.() ?? 0;

const NAMESPACES = ["user", "pid", "mnt", "uts", "ipc", "net", "cgroup"];

describe("namespaces", () => {
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

  test("another user namespace inside is refused", async () => {
    const { code, stderr } = await here.run(["--", "unshare", "--user", "true"]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("Operation not permitted");
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

  test("the command's parent is PID 1, and PID 1 has none", async () => {
    expect(
      await here.inside("grep PPid /proc/self/status /proc/$$/status /proc/1/status | cut -d: -f2- | tr -d '\\t'"),
    ).toBe("PPid:2\nPPid:1\nPPid:0\n");
  });

  test("PID 1 holds no descriptor and no more rights than the command", async () => {
    // It closes them once the command runs, which may be a moment after the command's first look.
    expect(await here.inside('until [ -z "$(ls /proc/1/fd)" ]; do :; done; ls /proc/1/fd | wc -l')).toBe("0\n");
    const rights = "grep -E '^(Cap|NoNewPrivs|Seccomp|Uid|Gid)' /proc/";
    expect(await here.inside(`${rights}1/status`)).toBe(await here.inside(`${rights}self/status`));
  });

  test("no process of the host can be signalled: its pid means nothing inside", async () => {
    const { code, stderr } = await here.run(["--", "sh", "-c", `kill -0 ${process.pid}`]);
    expect(code).not.toBe(0);
    expect(stderr).toContain("No such process");
  });

  test("System V shared memory and message queues of the host are out of sight", async () => {
    expect(await here.inside("tail -n +2 /proc/sysvipc/shm /proc/sysvipc/msg | grep -cv '^==>\\|^$' || true")).toBe(
      "0\n",
    );
  });

  test("the cgroup path shown inside is its own root", async () => {
    const paths = (await here.inside("cut -d: -f3 /proc/self/cgroup | sort -u")).trim().split("\n");
    expect(paths).toEqual(["/"]);
  });
});

describe("ids", () => {
  const map = async (args: readonly string[]): Promise<readonly string[]> => {
    const text = await here.inside(
      "cat /proc/self/uid_map; echo; cat /proc/self/gid_map; cat /proc/self/setgroups",
      args,
    );
    return text.split("\n").map((line) => line.trim().replace(/\s+/g, " "));
  };

  test("on the host's view exactly one id is mapped, the caller's own, and setgroups is denied", async () => {
    expect(await map([])).toEqual([`${uid} ${uid} 1`, "", `${gid} ${gid} 1`, "deny", ""]);
  });

  test("--userns single with --user maps that one id to the caller", async () => {
    const maps = await map(["--userns", "single", "--user", "0:0"]);
    expect(maps).toEqual([`0 ${uid} 1`, "", `0 ${gid} 1`, "deny", ""]);
  });

  test("an id pair of one's own choice is mapped by --user", async () => {
    const out = await here.inside("id -u; id -g; touch made; stat -c %u:%g made", ["--user", "1234:4321"]);
    expect(out).toBe("1234\n4321\n1234:4321\n");
    const { stdout } = await here.host(["stat", "-c", "%u:%g", "made"]);
    expect(stdout).toBe(`${uid}:${gid}\n`);
  });

  test("supplementary groups of the caller give nothing inside", async () => {
    const { stdout } = await here.run(["--", "id", "-G"]);
    const groups = new Set(stdout.trim().split(" "));
    groups.delete(String(gid));
    // Not mapped, so shown as the overflow id; setgroups(2) is denied, so they cannot be dropped.
    groups.delete("65534");
    expect([...groups]).toEqual([]);
  });
});

describe("network", () => {
  test("with --net none there is one interface, lo, and it is up with both addresses", async () => {
    const show =
      "cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '; cat /proc/net/if_inet6; cat /proc/net/route | wc -l";
    const out = await here.inside(show, ["--net", "none"]);
    expect(out).toMatch(/^lo\n0{31}1 01 80 10 80 +lo\n1\n$/);
  });

  test("a server on 127.0.0.1 inside is reached from inside", async () => {
    const script = `
import socket, threading
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
c = socket.create_connection(s.getsockname()); c.sendall(b"through")
print(s.accept()[0].recv(20).decode())`;
    const { stdout, stderr } = await here.run(["--", "python3", "-c", script]);
    expect(stderr).toBe("");
    expect(stdout).toBe("through\n");
  });

  test("with --net none nothing outside is reached, and at once", async () => {
    const script = `
import socket
try: socket.create_connection(("192.0.2.1", 80))
except OSError as e: print(e.errno)`;
    expect((await here.run(["--net", "none", "--", "python3", "-c", script])).stdout).toBe("101\n");
  });

  test("a listener on the host's loopback is not reached, but with --net host it is", async () => {
    using server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data() {}, open: (s) => void s.end("host\n") },
    });
    const script = `import socket; print(socket.create_connection(("127.0.0.1", ${server.port})).recv(9).decode(), end="")`;
    for (const net of [[], ["--net", "none"]])
      expect((await here.run([...net, "--", "python3", "-c", script])).stderr).toContain("ConnectionRefusedError");
    expect((await here.run(["--net", "host", "--", "python3", "-c", script])).stdout).toBe("host\n");
  });

  test("an abstract socket of the host's is not reached", async () => {
    const name = `sandbox-test-${process.pid}`;
    using _server = Bun.listen({ unix: `\0${name}`, socket: { data() {} } });
    const script = `import socket; socket.socket(socket.AF_UNIX).connect("\\0${name}")`;
    expect((await here.host(["python3", "-c", script])).code).toBe(0);
    expect((await here.run(["--", "python3", "-c", script])).stderr).toContain("ConnectionRefusedError");
  });
});
