// A sandbox with a network of its own has a supervisor that stays: exit status, signals, streams and the terminal are as without one, and
// with its end all is gone.
import { describe, expect } from "bun:test";
import { fstatSync, openSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { cProgram } from "../support/c_program.ts";
import { LineReader } from "../support/line_reader.ts";
import { GATEWAY, HANG, NO_NETWORK, printed, python, SLIRP } from "../support/network_inside.ts";
import { readToEnd, ServerProcess, TcpServer, udpServer } from "../support/network_servers.ts";
import {
  eventually,
  exeOf,
  gone,
  marked,
  openFiles,
  pssOf,
  stateOf,
  stopAndGoOn,
  untilWaiter,
  withDescendants,
} from "../support/processes.ts";
import { FORWARDED, SIGNAL_SAYER } from "../support/signal_sayer.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { SANDBOX, type Started, workspace } from "../support/workspace.ts";

const here = workspace();
const withNetwork = testWhere(NO_NETWORK);
const withCompiler = testWhere(NO_NETWORK, absent("cc"));
const DRIVER = join(import.meta.dir, "../fixtures/terminal/drive.py");
const TREE = "sleep 1000 & setsid sleep 1000 & (sleep 1000 &) ; echo ready; cat";

type Running = { readonly child: Started; readonly out: LineReader };

async function ready(args: readonly string[], via: readonly string[] = []): Promise<Running> {
  const child = here.start([...SLIRP, ...args], { via });
  const out = new LineReader(child.stdout);
  await out.until("ready");
  return { child, out };
}

/** Until it has become the runtime with the stack in it. */
async function serving(child: Started): Promise<void> {
  await eventually(
    () => exeOf(child.pid),
    (exe) => exe === realpathSync(SANDBOX),
  );
}

async function ended({ child }: Running): Promise<number> {
  await child.stdin.end();
  return child.exited;
}

describe("a command that says nothing to its network", () => {
  withNetwork("has the static waiter as its supervisor, which holds less than 100 kB, with PID 1", async () => {
    const { child } = await ready(["--", "sh", "-c", "echo ready; cat"]);
    await untilWaiter(child.pid);
    const [waiter = 0, init = 0] = withDescendants(child.pid);
    expect(pssOf(waiter) + pssOf(init)).toBeLessThan(100);
    child.stdin.end();
    expect(await child.exited).toBe(0);
  });

  withNetwork("is seen by it neither in its streams, but standard error, nor in the caller's environment", async () => {
    const child = here.start([...SLIRP, "--", "sh", "-c", "echo ready; cat"], { env: { SECRET: "canary" } });
    await new LineReader(child.stdout).until("ready");
    await untilWaiter(child.pid);
    const links = await eventually(
      () => openFiles(child.pid),
      (list) => list.filter((link) => link === "/dev/null").length === 2,
    );
    expect(links.filter((link) => link.startsWith("socket:") || link.startsWith("pipe:"))).toHaveLength(1);
    const environment = readFileSync(`/proc/${child.pid}/environ`, "utf8").split("\0").filter(Boolean);
    expect(environment.map((text) => text.split("=")[0])).toEqual(["SANDBOX_NETWORK"]);
    child.stdin.end();
    expect(await child.exited).toBe(0);
  });

  withNetwork("is not thought to speak by what the kernel says of an interface, but by its first packet", async () => {
    const { child, out } = await ready(["--", "sh", "-c", "echo ready; read word; ping -c1 10.0.2.2; echo $?; cat"]);
    await untilWaiter(child.pid);
    // MLD reports are repeated within a second (RFC 3810 section 9.11): nothing tells when there will be no other.
    await Bun.sleep(1500);
    expect(exeOf(child.pid)).toStartWith("/memfd:");
    child.stdin.write("on\n");
    await out.until("0");
    await serving(child);
    child.stdin.end();
    expect(await child.exited).toBe(0);
  });

  withNetwork("loses no signal while the stack takes the waiter's place", async () => {
    for (let i = 0; i < 10; i++) {
      const program = python(`import signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
say("ready")
datagrams(9).send(b"x")
say(signal.sigwait([signal.SIGUSR1]).name)`);
      const { child, out } = await ready(program);
      const until = performance.now() + i;
      while (performance.now() < until);
      child.kill("SIGUSR1");
      expect(await out.next()).toBe("SIGUSR1");
      expect(await child.exited).toBe(0);
    }
  });
});

describe("the command's end", () => {
  withNetwork(
    "its exit status is the sandbox's, also when a signal ended it, or when there is no such command",
    async () => {
      for (const [command, code] of [
        ["exit 0", 0],
        ["exit 7", 7],
        ["exit 255", 255],
        ["kill -TERM $$", 143],
        ["kill -KILL $$", 137],
      ] as const)
        expect((await here.run([...SLIRP, "--", "sh", "-c", command])).code).toBe(code);
      expect((await here.run([...SLIRP, "--", "/nowhere"])).code).toBe(127);
      expect((await here.run([...SLIRP, "--", "/etc/passwd"])).code).toBe(126);
    },
  );

  withNetwork("ends what it left running, and its connections", async () => {
    const over = Promise.withResolvers<void>();
    await using server = await TcpServer.start((socket) => {
      socket.write("x");
      socket
        .on("data", () => {})
        .on("end", over.resolve)
        .on("close", () => over.resolve());
    });
    const program = `
if os.fork() == 0:
    s = dial(int(sys.argv[1])); s.recv(1); say("connected"); s.recv(1)
else: sys.stdin.readline(); sys.exit(9)`;
    const child = here.start([...SLIRP, ...python(program, server.port)]);
    expect(await new LineReader(child.stdout).next()).toBe("connected");
    const family = withDescendants(child.pid);
    child.stdin.write("\n");
    expect(await child.exited).toBe(9);
    await over.promise;
    expect(family.filter((pid) => !gone(pid))).toEqual([]);
  });

  withNetwork(
    "50 runs one after the other leave no process and no file",
    async () => {
      await using server = await TcpServer.start((socket) => socket.end("x"));
      const mark = `sequence-${process.pid}-`;
      const files = (): readonly string[] => readdirSync(here.root, { recursive: true, encoding: "utf8" });
      const before = files();
      for (let i = 0; i < 50; i++) {
        const out = await here.run([
          ...SLIRP,
          "-e",
          `MARK=${mark}`,
          ...python(`say(received(dial(int(sys.argv[1]))))`, server.port),
        ]);
        expect(printed(out)).toBe("b'x'\n");
      }
      expect(marked(mark).filter((pid) => !gone(pid))).toEqual([]);
      expect(files()).toEqual(before);
    },
    HANG,
  );

  withNetwork(
    "20 sandboxes side by side have the same address, and each its own network",
    async () => {
      await using server = await TcpServer.start((socket) => socket.pipe(socket));
      const program = `
l = socket.create_server(("10.0.2.100", 8080))
s = dial(int(sys.argv[1]))
s.sendall(sys.argv[2].encode()); s.shutdown(socket.SHUT_WR)
say(received(s).decode())`;
      const numbers = Array.from({ length: 20 }, (_, i) => i);
      const all = numbers.map(async (i) => printed(await here.run([...SLIRP, ...python(program, server.port, i)])));
      expect(await Promise.all(all)).toEqual(numbers.map((i) => `${i}\n`));
    },
    HANG,
  );
});

describe("what a command has sent when it ends", () => {
  // As much as lies between a writer and a reader, and is not yet in the hands of the host's kernel.
  const SIZE = 3_000_000;
  const FILL = `
s = dial(int(sys.argv[1]))
s.setblocking(False)
while select.select([], [s], [], 1)[1]: s.send(b"x" * 65536)
os._exit(5)`;

  withNetwork(
    "is passed on",
    async () => {
      const sizes: number[] = [];
      await using server = await TcpServer.start((socket) => {
        void readToEnd(socket).then(({ length }) => {
          sizes.push(length);
          socket.end();
        });
      });
      const program = `dial(int(sys.argv[1])).sendall(b"x" * ${SIZE})\nos._exit(5)`;
      for (let i = 0; i < 10; i++) expect((await here.run([...SLIRP, ...python(program, server.port)])).code).toBe(5);
      await eventually(
        () => sizes.length,
        (count) => count === 10,
      );
      expect(sizes).toEqual(Array(10).fill(SIZE));
    },
    HANG,
  );

  withNetwork("is passed on as datagrams too", async () => {
    let got = 0;
    await using server = await udpServer(() => void got++);
    const program = `
s = datagrams(int(sys.argv[1]))
for i in range(50): s.send(b"x" * 1000)
os._exit(0)`;
    printed(await here.run([...SLIRP, ...python(program, server.port)]));
    await eventually(
      () => got,
      (count) => count === 50,
    );
  });

  withCompiler("is passed on though the command has ended before anybody waited for it", async () => {
    let got = 0;
    await using server = await udpServer(() => void got++);
    const source = `
#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int count, char **words) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
  inet_pton(AF_INET, words[2], &to.sin_addr);
  sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (void *)&to, sizeof to);
  _exit(count == 3 ? 0 : 1);
}`;
    const program = await cProgram(here, "send_one", source);
    for (let i = 0; i < 30; i++) {
      const { code } = await here.run([...SLIRP, "--", program, String(server.port), GATEWAY[4]]);
      expect(code).toBe(0);
    }
    await eventually(
      () => got,
      (count) => count === 30,
    );
  });

  withNetwork(
    "is not waited for without end where nobody takes it: the server is told that it has not got all",
    async () => {
      await using server = await ServerProcess.start(`
sys.stdin.readline()
try:
    while s.recv(1 << 20): pass
    print("end", flush=True)
except ConnectionResetError: print("reset", flush=True)`);
      expect((await here.run([...SLIRP, ...python(FILL, server.port)])).code).toBe(5);
      server.tell();
      expect(await server.lines.next()).toBe("reset");
    },
    HANG,
  );

  withNetwork(
    "is not waited for after a signal, which changes nothing of the exit status",
    async () => {
      await using server = await ServerProcess.start("sys.stdin.read()");
      const child = here.start([...SLIRP, ...python(FILL, server.port)]);
      const [, init = 0] = await eventually(
        () => withDescendants(child.pid),
        ([, first]) => first !== undefined && stateOf(first) === "Z",
      );
      child.kill("SIGTERM");
      expect(await child.exited).toBe(5);
      expect(gone(init)).toBe(true);
    },
    HANG,
  );

  testWhere(NO_NETWORK, absent("curl"))("is logged, with what came back", async () => {
    using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("from the host") });
    const url = `http://10.0.2.2:${server.port}/`;
    printed(await here.run([...SLIRP, "--net-log", "net.log", "--", "curl", "-sS", url]));
    const entries = (await Bun.file(join(here.dir, "net.log")).text()).trim().split("\n");
    expect(entries).toHaveLength(1);
    const entry = JSON.parse(entries[0] ?? "");
    expect(entry).toMatchObject({ protocol: "tcp", address: "10.0.2.2", port: server.port, verdict: "allowed" });
    expect(entry.bytesIn).toBeGreaterThan("from the host".length);
  });
});

describe("signals to the supervisor", () => {
  withNetwork("each is forwarded, once and in order, and again", async () => {
    const running = await ready(["--", ...SIGNAL_SAYER]);
    for (const name of [...FORWARDED, "INT", "TERM", "INT"] as const) {
      if (name === "TSTP" || name === "CONT") continue;
      running.child.kill(`SIG${name}`);
      expect(await running.out.next()).toBe(`SIG${name}`);
    }
    expect(await ended(running)).toBe(0);
  });

  for (const [signal, status] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
    ["SIGHUP", 129],
    ["SIGUSR1", 138],
  ] as const)
    withNetwork(`${signal} ends a command that does not handle it, with status ${status}`, async () => {
      const { child } = await ready(["--ulimit", "core=0", "--", "sh", "-c", "echo ready; exec cat"]);
      child.kill(signal);
      await child.exited;
      expect(child.exitCode ?? child.signalCode).toBeOneOf([status, signal]);
    });

  withNetwork("they arrive while the network is busy, and the network goes on", async () => {
    await using server = await TcpServer.start((socket) => socket.pipe(socket));
    const program = `
import signal, threading
told = []
signal.signal(signal.SIGUSR1, lambda *_: told.append(1))
s = dial(int(sys.argv[1]))
def send():
    while len(told) < 1: s.sendall(b"x" * 65536)
    s.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
s.recv(1)
say("ready")
received(s)
say("told", len(told))`;
    const { child, out } = await ready(python(program, server.port));
    child.kill("SIGUSR1");
    expect(await out.next()).toBe("told 1");
    expect(await child.exited).toBe(0);
  });

  withNetwork("SIGTSTP stops the command, SIGCONT lets it go on", async () => {
    const { child, out } = await ready(["--", "sh", "-c", "echo ready; exec cat"]);
    await stopAndGoOn(child);
    expect(await out.next()).toBe("through");
    await child.stdin.end();
    expect(await child.exited).toBe(0);
  });
});

describe("the supervisor's end", () => {
  withNetwork("kill -9 of it kills all inside", async () => {
    const { child, out } = await ready(["--", "sh", "-c", TREE]);
    const family = withDescendants(child.pid);
    expect(family.length).toBeGreaterThanOrEqual(6);
    child.kill("SIGKILL");
    expect(family.filter((pid) => !gone(pid))).toEqual([]);
    expect(await out.rest()).toBe("");
  });

  withNetwork("the sandbox ends with the process that started it", async () => {
    const { child } = await ready(["--", "sh", "-c", TREE], ["sh", "-c", 'exec 3<&0; "$@" <&3 & wait', "sh"]);
    const family = withDescendants(child.pid);
    child.kill("SIGKILL");
    expect(family.filter((pid) => !gone(pid))).toEqual([]);
  });

  for (const [signal, endings] of [
    ["SIGKILL", ["SIGKILL"]],
    ["SIGTERM", [143, "SIGTERM"]],
  ] as const)
    withNetwork(
      `${signal} at any moment of its start leaves nothing`,
      async () => {
        for (let i = 0; i < 60; i++) {
          const mark = `started-${signal}-${process.pid}-${i}-`;
          const child = here.start([...SLIRP, "--", "sh", "-c", `cat; : ${mark}`]);
          const until = performance.now() + i * 0.4;
          while (performance.now() < until);
          child.kill(signal);
          // The end of the stream: no process holds the other end any more.
          await new LineReader(child.stdout).rest();
          await child.exited;
          expect(child.exitCode ?? child.signalCode).toBeOneOf([...endings]);
          expect(marked(mark).filter((pid) => !gone(pid))).toEqual([]);
        }
      },
      HANG,
    );
});

describe("streams and terminal", () => {
  withNetwork("standard streams are the caller's own files", async () => {
    const path = here.file("out");
    const fd = openSync(path, "w");
    const script = "stat -Lc %i /proc/self/fd/1";
    const show = "readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2";
    const { stdout } = await here.run([...SLIRP, "--", "sh", "-c", show], {
      via: ["sh", "-c", `${show}; exec "$@"`, "sh"],
    });
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(6);
    expect(lines.slice(3)).toEqual(lines.slice(0, 3));
    expect((await here.run([...SLIRP, "--", "sh", "-c", script], { stdout: fd })).code).toBe(0);
    const [inode] = (await Bun.file(path).text()).split("\n");
    expect(Number(inode)).toBe(fstatSync(fd).ino);
  });

  withNetwork("what the command does not read of its input is left for the caller's next", async () => {
    here.file("input", "onetwo");
    const script = `exec <input; "$0" run ${SLIRP.join(" ")} -- dd bs=3 count=1 status=none; echo; cat`;
    expect(printed(await here.host(["sh", "-c", script, SANDBOX]))).toBe("one\ntwo");
  });

  withNetwork("a large output through a slow reader is whole", async () => {
    const script = `"$0" run ${SLIRP.join(" ")} -- head -c 30000000 /dev/zero | dd bs=1000 status=none | wc -c`;
    expect(printed(await here.host(["sh", "-c", script, SANDBOX])).trim()).toBe("30000000");
  });

  testWhere(NO_NETWORK, absent("curl"))("on a terminal both work: what is typed and the network", async () => {
    using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("from the host") });
    const script = JSON.stringify([
      ["expect", "$ "],
      ["send", `curl -sS http://10.0.2.2:${server.port}/; stty size; tty\r`],
      ["expect", "from the host"],
      ["expect", "33 111"],
      ["expect", "/dev/pts/0"],
      ["send", `sh -c "echo rea''dy; exec sleep 1000"\r`],
      ["expect", "ready\r\n"],
      ["send", "\x03"],
      ["expect", "$ "],
      ["send", "exit 7\r"],
    ]);
    const command = [SANDBOX, "run", "-t", ...SLIRP, "--", "bash", "--norc", "-i"];
    const out = await here.host(["python3", DRIVER, "33", "111", script, ...command], { env: { TERM: "xterm" } });
    const result = JSON.parse(printed(out)) as { readonly status: number; readonly restored: boolean };
    expect(result).not.toHaveProperty("stuck");
    expect([result.status, result.restored]).toEqual([7, true]);
  });
});
