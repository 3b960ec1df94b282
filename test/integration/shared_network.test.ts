// `sandbox run --net container:SANDBOX` and `--net ns:PATH`: two sandboxes in one network, and in nothing else together.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { minirootfs } from "../fixtures/rootfs-builder/minirootfs.ts";
import { childrenOf } from "../support/children.ts";
import { LineReader } from "../support/line_reader.ts";
import { noNetNamespace, noTun } from "../support/net_namespace.ts";
import { HANG } from "../support/network_inside.ts";
import { eventually, gone, pssOf, untilWaiter, withDescendants } from "../support/processes.ts";
import { absent, asRoot, noIdRange, testWhere } from "../support/test_where.ts";
import { SANDBOX, type Started, workspace } from "../support/workspace.ts";

const here = workspace();
const noAlpine = minirootfs ? undefined : "no Alpine minirootfs";
const SERVER = here.file("echo_server.py", readFileSync(join(import.meta.dir, "../support/echo_server.py"), "utf8"));
const FOLDER = join(here.runtime, "sandbox/sandboxes");
const children = childrenOf(here);
const testPython = testWhere(absent("python3"));
const inSlirp = testWhere(noTun(), absent("python3", "ip"));

/** A named sandbox that is there, and has been written down. */
async function first(flags: readonly string[], command = ["sh", "-c", "echo ready; exec cat"]): Promise<Started> {
  const child = await children.ready(["--name", "first", ...flags, "--", ...command]);
  await eventually(
    () => states().find(({ name }) => name === "first")?.status,
    (status) => status === "running",
  );
  return child;
}

const states = () =>
  readdirSync(FOLDER).flatMap((id) => {
    const path = join(FOLDER, id, "state.json");
    return existsSync(path) ? [JSON.parse(readFileSync(path, "utf8"))] : [];
  });
const initOf = (name: string): number => states().find((state) => state.name === name)?.pid;

const joined = (script: string, flags: readonly string[] = []): Promise<string> =>
  here.inside(script, ["--net", "container:first", ...flags]);

describe("the network of another sandbox", () => {
  testPython("is one localhost for both", async () => {
    await first([], ["python3", SERVER, "8000/tcp"]);
    const client = `
import socket
s = socket.create_connection(("127.0.0.1", 8000)); s.sendall(b"who?"); print(s.recv(99).decode().split()[0])`;
    const { stdout, stderr } = await here.run(["--net", "container:first", "--", "python3", "-c", client]);
    expect({ stdout, stderr }).toEqual({ stdout: "127.0.0.1\n", stderr: "" });
  });

  inSlirp("has the same addresses and names, and its ports lead to either", async () => {
    await first(["--net", "slirp", "--add-host", "db:192.0.2.7"]);
    const own = (script: string) => joined(`ip -o addr | awk '{print $2, $4}'; cat /etc/resolv.conf; ${script}`);
    expect(await own("grep -w db /etc/hosts")).toBe(
      "lo 127.0.0.1/8\nlo ::1/128\ntap0 10.0.2.100/24\ntap0 fd00::100/64\nnameserver 10.0.2.3\nnameserver fd00::3\n192.0.2.7 db\n",
    );
    await children.ready(["--net", "container:first", "--", "python3", SERVER, "8000/tcp"]);
    const { stdout } = await here.sandbox(["port", "add", "first", "8000"]);
    const port = /:(\d+) ->/.exec(stdout)?.[1];
    const answer = await here.host(["python3", "-c", CLIENT, "127.0.0.1", `${port}`]);
    expect(answer.stdout).toBe("10.0.2.2\n");
  });

  inSlirp("may be a third one's as well, by the second", async () => {
    await first(["--net", "slirp"]);
    await children.ready(["--net", "container:first", "--name", "second", "--", "sh", "-c", "echo ready; exec cat"]);
    const script = "readlink /proc/self/ns/net";
    await eventually(
      () => initOf("second"),
      (pid) => pid > 0,
    );
    expect(await here.inside(script, ["--net", "container:second"])).toBe(await joined(script));
  });

  testWhere(noTun(), absent("ip"))(
    "has no other end any more when the first has ended, and the second goes on",
    async () => {
      const one = await first(["--net", "slirp"]);
      const script =
        "echo ready; read line; until ip -o link show tap0 | grep -q NO-CARRIER; do :; done; echo done; exit 7";
      const two = children.start(["--net", "container:first", "--", "sh", "-c", script]);
      const lines = new LineReader(two.stdout);
      await lines.until("ready");
      const [, init = 0] = withDescendants(one.pid);
      one.kill("SIGKILL");
      await one.exited;
      expect(gone(init)).toBe(true);
      two.stdin.write("\n");
      expect(await lines.until("done")).toEqual(["done"]);
      expect(await two.exited).toBe(7);
    },
  );

  test("the second is a sandbox as any other: exit status, signals, terminal, waiter", async () => {
    await first([]);
    const shared = ["--net", "container:first"];
    for (const [command, code] of [
      ["exit 7", 7],
      ["kill -KILL $$", 137],
    ] as const)
      expect((await here.run([...shared, "--", "sh", "-c", command])).code).toBe(code);
    expect((await here.run([...shared, "--", "/nowhere"])).code).toBe(127);
    expect((await here.run([...shared, "-t", "--", "tty"])).stdout).toContain("/dev/pts/0");
    expect((await here.run([...shared, "--", "cat"], { stdin: "in and out" })).stdout).toBe("in and out");
    const child = await children.ready([
      ...shared,
      "--",
      "sh",
      "-c",
      "trap 'exit 9' TERM; echo ready; while :; do read x; done",
    ]);
    await untilWaiter(child.pid);
    expect(pssOf(child.pid)).toBeLessThan(100);
    expect(readFileSync(`/proc/${child.pid}/status`, "utf8")).toMatch(/CapPrm:\t0+\nCapEff:\t0+\n/);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(9);
  });

  test("a name of its own is written down, and goes with it", async () => {
    await first([]);
    const child = await children.ready([
      "--net",
      "container:first",
      "--name",
      "second",
      "--",
      "sh",
      "-c",
      "echo ready; cat",
    ]);
    const state = await eventually(
      () => states().find(({ name }) => name === "second"),
      ({ status }) => status === "running",
    );
    expect(state.network.mode).toBe("container:first");
    expect(withDescendants(child.pid)).toContain(state.pid);
    child.kill("SIGKILL");
    await child.exited;
    expect((await here.sandbox(["internal-names"])).stdout).toBe("first\n");
    expect(states().length).toBe(1);
  });

  test("--explain names it, and goes nowhere", async () => {
    const { pid } = await first([]);
    const { code, stdout } = await here.run(["--net", "container:first", "--explain", "--", "true"]);
    expect(code).toBe(0);
    expect(stdout).toContain(`"path": "/proc/${withDescendants(pid)[1]}/ns/net"`);
    expect(stdout).not.toContain("CLONE_NEWNET");
  });
});

const CLIENT = `
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2]))); s.sendall(b"who?"); print(s.recv(99).decode().split()[0])`;

describe("whatever the two root file systems are", () => {
  const kinds = {
    host: [],
    single: ["--rootfs", "alpine", "--userns", "single"],
    range: ["--rootfs", "alpine", "--userns", "range"],
  } as const;
  const reasonOf = (...names: readonly (keyof typeof kinds)[]) =>
    (names.some((name) => name !== "host") ? noAlpine : undefined) ??
    (names.includes("range") ? noIdRange() : undefined);
  const uid = String(process.getuid?.());

  for (const one of ["host", "single", "range"] as const)
    for (const two of ["host", "single"] as const)
      testWhere(reasonOf(one, two))(
        `${two} beside ${one}`,
        async () => {
          await here.run([...kinds[two], "--", "true"]);
          await first(kinds[one]);
          const script = "id -u; readlink /proc/self/ns/net; touch made && stat -c %u made";
          const flags = two === "host" ? [] : [...kinds[two], "-w", "/root"];
          const [id, network, owner] = (await joined(script, flags)).split("\n");
          expect({ id, owner }).toEqual(two === "host" ? { id: uid, owner: uid } : { id: "0", owner: "0" });
          const link = await here.host(["readlink", `/proc/${initOf("first")}/ns/net`]);
          expect(`${network}\n`).toBe(link.stdout);
        },
        HANG,
      );

  testWhere(reasonOf("range"))(
    "range beside range, also where it is unpacked only then",
    async () => {
      await first(kinds.range);
      const script = "chown 7:8 /etc/passwd; stat -c '%u %g' /etc/passwd; su -s /bin/sh nobody -c 'id -u'";
      expect(await joined(script, kinds.range)).toBe("7 8\n65534\n");
      const archive = here.folder("tar");
      const copy = join(archive, "root.tar.gz");
      await here.host(["cp", minirootfs ?? "", copy]);
      const flags = ["--net", "container:first", "--rootfs", copy, "--userns", "range"];
      const { stdout } = await here.run([...flags, "--", "sh", "-c", "stat -c '%U %G' /etc/shadow; id -u"]);
      expect(stdout).toBe("root shadow\n0\n");
    },
    HANG,
  );

  testWhere(reasonOf("range"))(
    "a range beside one id is told; by itself it is one id",
    async () => {
      await here.run([...kinds.single, "--", "true"]);
      await first([]);
      expect(await joined("wc -l < /proc/self/uid_map", ["--rootfs", "alpine"])).toBe("1\n");
      const { code, stderr } = await here.run(["--net", "container:first", ...kinds.range, "--", "true"]);
      expect(code).toBe(125);
      expect(stderr).toBe(
        "sandbox: Cannot map a range of ids (--userns range): the network of --net container:first belongs to a user namespace that has not all of yours\n  map one id: --userns single\n  or start the first sandbox with a range, too: --rootfs alpine --userns range\n",
      );
    },
    HANG,
  );
});

describe("nothing else is shared", () => {
  const alpine = ["--rootfs", "alpine", "--userns", "single"];
  const CAPS = ["--cap-add", "ALL", "--seccomp", "unconfined"];

  inSlirp("the network cannot be changed from the second, also by one that is root with all capabilities", async () => {
    await first(["--net", "slirp"]);
    const change = "ip link set tap0 down 2>&1; ip addr add 10.9.9.9/24 dev tap0 2>&1; ip link add x type dummy 2>&1";
    const flags = ["--user", "0", ...CAPS];
    const before = await joined("ip addr");
    expect((await joined(`${change}; true`, flags)).match(/Operation not permitted/g)?.length).toBe(3);
    expect(await joined("ip addr")).toBe(before);
  });

  testPython("neither the namespaces above nor their owner can be reached", async () => {
    await first([]);
    const script = `
import ctypes, errno, fcntl, os
libc = ctypes.CDLL(None, use_errno=True)
for name in "net", "user":
    fd = os.open(f"/proc/self/ns/{name}", os.O_RDONLY)
    for request in 0xb701, 0xb702:
        try: print(name, hex(request), fcntl.ioctl(fd, request))
        except OSError as error: print(name, hex(request), errno.errorcode[error.errno])
fd = os.open("/proc/self/ns/net", os.O_RDONLY)
print(libc.setns(fd, 0x40000000), errno.errorcode[ctypes.get_errno()])
print(sorted(int(n) for n in os.listdir("/proc/self/fd"))[:3], len(os.listdir("/proc/self/fd")))`;
    const { stdout } = await here.run([
      "--net",
      "container:first",
      ...CAPS,
      "--user",
      "0",
      "--",
      "python3",
      "-c",
      script,
    ]);
    expect(stdout).toBe(
      "net 0xb701 EPERM\nnet 0xb702 EINVAL\nuser 0xb701 EPERM\nuser 0xb702 EPERM\n-1 EPERM\n[0, 1, 2] 7\n",
    );
  });

  test("processes, files, other namespaces and capabilities are apart", async () => {
    const one = await first(["--tmpfs", "/secret"]);
    const kinds = ["user", "pid", "mnt", "uts", "ipc", "cgroup"];
    const links = await joined(
      `readlink ${kinds.map((kind) => `/proc/self/ns/${kind}`).join(" ")}; readlink /proc/self/ns/net`,
    );
    const [, init] = withDescendants(one.pid);
    const theirs = (await here.host(["sh", "-c", `readlink /proc/${init}/ns/*`])).stdout.split("\n");
    const [network = "", ...others] = links.trim().split("\n").reverse();
    expect(theirs).toContain(network);
    expect(others.filter((link) => theirs.includes(link))).toEqual([]);
    expect(
      await joined(
        "ls -d /proc/[0-9]* | wc -l; ls -d /secret 2>&1; grep -c '^Cap.*[1-9a-f]$' /proc/self/status; true",
        ["--cap-drop", "ALL"],
      ),
    ).toMatch(/^[2-4]\nls: .*No such file or directory\n0\n$/);
  });

  test("of the host's network nothing is told by /sys", async () => {
    await first([]);
    expect(await joined("ls /sys/class/net /sys/devices/virtual/net | grep -v :")).toBe("\n");
  });

  testWhere(noAlpine)(
    "PID 1 and the command hold no descriptor of a namespace, of a lock or of a folder",
    async () => {
      await first([]);
      const script =
        "for fd in /proc/1/fd/* /proc/self/fd/*; do readlink $fd; done | grep -E 'ns|net:|user:|lock|sandbox|memfd' ; echo end";
      expect(await joined(script, alpine)).toBe("end\n");
      const named = await here.run(["--net", "container:first", "--name", "x", ...alpine, "--", "sh", "-c", script]);
      expect(named.stdout).toBe("end\n");
    },
    HANG,
  );
});

describe("a network namespace by its file", () => {
  const inNamespace = testWhere(noNetNamespace(), absent("ip", "unshare"));

  async function namespace(setUp: string): Promise<{ readonly pid: number } & AsyncDisposable> {
    const child = Bun.spawn(["unshare", "-Urn", "sh", "-c", `${setUp}; echo ready; exec cat`], {
      stdin: "pipe",
      stdout: "pipe",
    });
    await new LineReader(child.stdout).until("ready");
    const end = async (): Promise<void> => {
      child.kill("SIGKILL");
      await child.exited;
    };
    return { pid: child.pid, [Symbol.asyncDispose]: end };
  }

  inNamespace("is joined, with the host's names", async () => {
    await using made = await namespace("ip link set lo up; ip addr add 198.51.100.5/32 dev lo");
    const flags = ["--net", `ns:/proc/${made.pid}/ns/net`];
    const said = await here.inside("ip -o -4 addr | awk '{print $4}'; id -u; cat /etc/resolv.conf", flags);
    expect(said).toBe(
      `127.0.0.1/8\n198.51.100.5/32\n${process.getuid?.()}\n${readFileSync("/etc/resolv.conf", "utf8")}`,
    );
  });

  testWhere(noTun())("of a sandbox is joined, with that one's names", async () => {
    await first(["--net", "slirp"]);
    const flags = ["--net", `ns:/proc/${initOf("first")}/ns/net`];
    expect(await here.inside("cat /etc/resolv.conf", flags)).toBe("nameserver 10.0.2.3\nnameserver fd00::3\n");
  });

  const refusedWith = async (net: string): Promise<string> => {
    const { code, stderr } = await here.run(["--net", net, "--", "touch", "started"]);
    expect(existsSync(join(here.dir, "started"))).toBe(false);
    expect(code).toBe(125);
    return stderr;
  };

  test("that is this process's own is told", async () => {
    expect(await refusedWith("ns:/proc/self/ns/net")).toBe(
      "sandbox: Cannot share a network (--net ns:/proc/self/ns/net): it is the network that this process is in already\n  share that one: --net host\n",
    );
  });

  testWhere(asRoot())("that is another user's, or the host's, is told", async () => {
    expect(await refusedWith("ns:/proc/1/ns/net")).toContain("you may not look at it: it is another user's");
  });

  test("what is no network namespace is told", async () => {
    here.file("plain");
    Bun.spawnSync(["mkfifo", join(here.dir, "pipe")]);
    expect(await refusedWith("ns:plain")).toContain("it is no namespace");
    expect(await refusedWith("ns:pipe")).toContain("it is no namespace");
    expect(await refusedWith("ns:/proc/self/ns/uts")).toContain("it is a namespace, but none of networks");
    expect(await refusedWith("ns:/proc/0/ns/net")).toContain("there is no such file: it has gone, or never was");
  });

  test.each([["ns"], ["ns:"], ["container"], ["container:"]])("%s is wrong usage", async (word) => {
    expect((await here.run(["--net", word, "--", "true"])).code).toBe(2);
  });

  test("a sandbox that is not there, or on the host's network, is told", async () => {
    expect(await refusedWith("container:nobody")).toContain("Cannot find the sandbox nobody");
    await first(["--net", "host"]);
    expect(await refusedWith("container:first")).toContain(
      "first is on the host's own network\n  share that one: --net host",
    );
  });

  test("a port is published at the one whose network it is", async () => {
    await first([]);
    const { code, stderr } = await here.run(["--net", "container:first", "-p", "80", "--", "true"]);
    expect(code).toBe(2);
    expect(stderr).toContain("publish it there: sandbox port add first 8080:80");
  });
});

describe("what has been killed", () => {
  test("the second goes with its supervisor, in each phase of its start", async () => {
    await first([]);
    const names = Array.from({ length: 12 }, (_, i) => `phase-${i}`);
    for (const [i, name] of names.entries()) {
      const child = Bun.spawn([SANDBOX, "run", "--net", "container:first", "--name", name, "--", "cat"], {
        env: here.env,
        cwd: here.dir,
        stdin: "pipe",
      });
      await eventually(
        () => readFileSync(`/proc/${child.pid}/cmdline`, "utf8"),
        (text) => text.includes(i % 2 === 0 ? "launch-shared" : "sandbox"),
      );
      const family = withDescendants(child.pid);
      child.kill("SIGKILL");
      await child.exited;
      expect(family.filter((pid) => !gone(pid))).toEqual([]);
    }
    const seen = () => Bun.spawnSync([SANDBOX, "internal-names"], { env: here.env }).stdout.toString();
    expect(await eventually(seen, (names) => names === "first\n")).toBe("first\n");
    expect(readdirSync(FOLDER).length).toBe(1);
  });
});
