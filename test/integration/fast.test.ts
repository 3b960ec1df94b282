// Connections that bypass the stack: they are the host's own sockets, and whoever made them need not know. What cannot be exchanged without
// being noticed goes through the stack.
import { describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cProgram } from "../support/c_program.ts";
import { FAST, NO_FAST } from "../support/fast_network.ts";
import { LineReader } from "../support/line_reader.ts";
import { HANG, python, pythonSays } from "../support/network_inside.ts";
import { closedPort, ServerProcess, TcpServer } from "../support/network_servers.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const withFast = testWhere(NO_FAST);
const where = (...programs: readonly string[]) => testWhere(NO_FAST, absent(...programs));

const WORDS = `
port = int(sys.argv[1])
there = (GATEWAY[4], port)
def kind(s): return {"127.0.0.1": "host", "10.0.2.100": "sandbox"}[s.getsockname()[0].removeprefix("::ffff:")]
def number(result): return errno.errorcode.get(result, result)
`;

async function says(program: string, port: number, args: readonly string[] = FAST): Promise<string> {
  return pythonSays(here, [...args, ...python(WORDS + program, port)]);
}

const greeting = () => TcpServer.start((socket) => socket.end("hello"));

describe("a connection that may leave", () => {
  withFast("is the host's own socket, whether its command waits for it or not", async () => {
    await using server = await greeting();
    const program = `
s = socket.socket(); s.connect(there); say(kind(s), received(s).decode())
s = socket.socket(); s.setblocking(False)
say(number(s.connect_ex(there))); select.select([], [s], []); say(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), kind(s))
say(s.connect_ex(there), number(s.connect_ex(there)))
s = socket.socket(socket.AF_INET6); s.connect(("::ffff:" + there[0], port)); say(kind(s))`;
    expect(await says(program, server.port)).toBe("host hello\nEINPROGRESS\n0 host\n0 EISCONN\nhost\n");
  });

  withFast("has what was set on its socket before", async () => {
    await using server = await greeting();
    const program = `
s = socket.socket()
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 50000)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 7)); s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 16)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 9, 0))
s.connect(there)
option = s.getsockopt
say(kind(s), option(socket.IPPROTO_TCP, socket.TCP_NODELAY), option(socket.SOL_SOCKET, socket.SO_RCVBUF), option(socket.IPPROTO_IP, socket.IP_TOS))
say(struct.unpack("ii", option(socket.SOL_SOCKET, socket.SO_LINGER, 8)), struct.unpack("ll", option(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16)))
for inheritable in (True, False):
    s = socket.socket(); os.set_inheritable(s.fileno(), inheritable); s.connect(there); say(kind(s), os.get_inheritable(s.fileno()))`;
    expect(await says(program, server.port)).toBe("host 1 100000 16\n(1, 7) (9, 0)\nhost True\nhost False\n");
  });

  withFast("fails as it does on the host, and its socket can be used again", async () => {
    await using server = await greeting();
    const program = `
s = socket.socket(); say(number(s.connect_ex((GATEWAY[4], 1)))); say(s.connect_ex(there), kind(s))
s = socket.socket(); s.setblocking(False); s.connect_ex((GATEWAY[4], 1)); select.select([], [s], [])
say(number(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)))`;
    expect(await says(program, server.port)).toBe("ECONNREFUSED\n0 host\nECONNREFUSED\n");
  });

  withFast("is logged when it begins", async () => {
    await using server = await greeting();
    await says("dial(port).close()", server.port, [...FAST, "--net-log", "flows"]);
    const entry = JSON.parse(await Bun.file(join(here.dir, "flows")).text());
    expect(entry).toMatchObject({
      port: server.port,
      verdict: "allowed",
      bytesOut: null,
      bytesIn: null,
      duration: null,
    });
  });
});

describe("a connection of the stack's", () => {
  withFast("is one whose socket is bound, has a second descriptor, or is waited for already", async () => {
    await using server = await greeting();
    const program = `
s = socket.socket(); s.bind(("", 0)); s.connect(there); say(kind(s), received(s).decode())
s = socket.socket(); d = s.dup(); s.connect(there); say(kind(s), received(d).decode())
s = socket.socket(); s.setblocking(False); e = select.epoll(); e.register(s, select.EPOLLIN)
s.connect_ex(there); e.poll(); say(kind(s), s.recv(9).decode())`;
    expect(await says(program, server.port)).toBe("sandbox hello\nsandbox hello\nsandbox hello\n");
  });

  withFast("is one that has to show a name, and shows it", async () => {
    using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("named") });
    const program = `
s = socket.create_connection(("host.sandbox.internal", port)); say(kind(s))
s.sendall(b"GET / HTTP/1.0\\r\\nHost: host.sandbox.internal:%d\\r\\n\\r\\n" % port); say(received(s).decode().split()[-1])`;
    const rules = [...FAST, "--allow-net", "host.sandbox.internal"];
    expect(await says(program, server.port ?? 0, rules)).toBe("sandbox\nnamed\n");
  });

  withFast("is one that is denied: at once, and told", async () => {
    await using server = await greeting();
    const args = [...FAST, "--deny-net", `10.0.2.2:${server.port}`];
    const { stdout, stderr } = await here.run([
      ...args,
      ...python(`${WORDS}say(number(socket.socket().connect_ex(there)))`, server.port),
    ]);
    expect(stdout).toBe("ECONNREFUSED\n");
    expect(stderr).toContain(`Blocked tcp to host.sandbox.internal (10.0.2.2) port ${server.port}`);
  });
});

describe("inside", () => {
  withFast("servers, Unix sockets and UDP are as they were", async () => {
    await using server = await greeting();
    const program = `
l = socket.create_server(("127.0.0.1", 80)); c = socket.create_connection(("127.0.0.1", 80)); a, _ = l.accept(); c.sendall(b"x"); say(a.recv(1))
l = socket.socket(socket.AF_UNIX); l.bind("/tmp/s"); l.listen(); c = socket.socket(socket.AF_UNIX); c.connect("/tmp/s"); a, _ = l.accept()
say(struct.unpack("3i", a.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0] == os.getpid())
d = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); d.bind(("127.0.0.1", 0)); e = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
e.connect(d.getsockname()); e.send(b"y"); say(d.recv(1))
say(number(socket.socket().connect_ex(("127.0.0.1", 81))), number(socket.socket().connect_ex(("127.0.0.1", port))))`;
    expect(await says(program, server.port)).toBe("b'x'\nTrue\nb'y'\nECONNREFUSED ECONNREFUSED\n");
  });

  withFast(
    "a signal ends a wait, and one after which calls go on does not",
    async () => {
      // Nobody accepts, and there is no room for more: the kernel lets who comes wait.
      const program = `
import signal, threading
class Alarm(Exception): pass
def alarm(*_): raise Alarm
full, held = socket.create_server(("127.0.0.1", 0), backlog=0), []
for _ in range(4): s = socket.socket(); s.setblocking(False); s.connect_ex(full.getsockname()); held.append(s)
signal.signal(signal.SIGALRM, alarm); signal.setitimer(signal.ITIMER_REAL, 0.2)
try: socket.socket().connect(full.getsockname()); say("connected")
except Alarm: say("interrupted")
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 200_000))
say(number(s.connect_ex(full.getsockname())))
held.append(s)
ticks = []
signal.signal(signal.SIGALRM, lambda *_: ticks.append(1)); signal.siginterrupt(signal.SIGALRM, False)
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
def accept():
    select.select([], [], [], 0.3)
    while True: full.accept()
threading.Thread(target=accept, daemon=True).start()
s = socket.socket(); s.connect(full.getsockname()); signal.setitimer(signal.ITIMER_REAL, 0)
say(s.getpeername() == full.getsockname())`;
      expect(await says(program, 1)).toBe("interrupted\nEINPROGRESS\nTrue\n");
    },
    HANG,
  );

  withFast(
    "so it is for the host",
    async () => {
      await using server = await ServerProcess.start("sys.stdin.read()");
      const program = `
import signal
class Alarm(Exception): pass
def alarm(*_): raise Alarm
signal.signal(signal.SIGALRM, alarm); signal.setitimer(signal.ITIMER_REAL, 0.2)
held = []
try:
    for _ in range(400): s = socket.socket(); s.connect(there); held.append(s)
    say("connected")
except Alarm: say("interrupted", kind(held[0]))
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 200_000))
say(number(s.connect_ex(there)), kind(s))`;
      expect(await says(program, server.port)).toBe("interrupted host\nEINPROGRESS host\n");
    },
    HANG,
  );
});

describe("programs", () => {
  where("curl")("curl", async () => {
    using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("body\n") });
    expect(await here.inside(`curl -sSf http://host.sandbox.internal:${server.port}/`, FAST)).toBe("body\n");
  });

  where("node")("node", async () => {
    await using server = await greeting();
    const script = `const s=require("net").connect(${server.port},"10.0.2.2",()=>process.stdout.write(s.localAddress+" "));s.on("data",d=>console.log(String(d)))`;
    const { code, stdout } = await here.run([...FAST, "--", "node", "-e", script]);
    expect([code, stdout]).toEqual([0, "127.0.0.1 hello\n"]);
  });

  where("iperf3")(
    "iperf3, both ways, with four connections",
    async () => {
      const port = String(await closedPort("tcp"));
      for (const way of [[], ["-R"]]) {
        const server = Bun.spawn(["iperf3", "-s", "-1", "--forceflush", "-p", port], {
          stdout: "pipe",
          stderr: "inherit",
        });
        await new LineReader(server.stdout).next();
        const words = ["iperf3", "-J", "-n", "200M", "-P", "4", "-c", "10.0.2.2", "-p", port, ...way];
        const { code, stdout } = await here.run([...FAST, "--", ...words]);
        expect(code).toBe(0);
        expect(JSON.parse(stdout).start.connected.map((one: { local_host: string }) => one.local_host)).toEqual(
          new Array(4).fill("127.0.0.1"),
        );
        await server.exited;
      }
    },
    HANG,
  );

  withFast("python's asyncio", async () => {
    await using server = await greeting();
    const program = `
import asyncio
async def main():
    r, w = await asyncio.open_connection(*there); say(w.get_extra_info("sockname")[0], (await r.read()).decode())
asyncio.run(main())`;
    expect(await says(program, server.port)).toBe("127.0.0.1 hello\n");
  });
});

/** Executes its words under a filter that lets all pass and has a listener. */
const OUTER = `
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int count, char **words) {
  struct sock_filter allow = {6, 0, 0, SECCOMP_RET_ALLOW};
  struct sock_fprog program = {1, &allow};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  if (count < 2 || listener < 0) return 1;
  fcntl((int)listener, F_SETFD, 0);
  return execv(words[1], words + 1);
}`;

describe("what it is refused with", () => {
  const refused = async (...args: readonly string[]): Promise<string> => {
    const { code, stderr } = await here.run([...args, "--", "true"]);
    expect(code).toBe(2);
    return stderr;
  };

  withFast("another filter, and what is to see or slow down every frame", async () => {
    expect(await refused("--net", "fast", "--seccomp", "unconfined")).toContain("another seccomp filter");
    expect(await refused("--net", "fast", "--net-pcap", "frames")).toContain("would bypass --net-pcap");
    expect(await refused("--net", "fast", "--net-delay", "5ms")).toContain("would bypass --net-rate, --net-delay");
    expect(existsSync(join(here.dir, "frames"))).toBe(false);
  });

  where("cc")("somebody outside who is told of system calls already: the kernel lets there be one", async () => {
    const outer = await cProgram(here, "outer", OUTER);
    const { code, stderr } = await here.run(["--net", "fast", "--", "true"], { via: [outer] });
    expect(code).toBe(125);
    expect(stderr).toStartWith(
      "sandbox: Cannot watch the command's connections (--net fast): an outer sandbox watches",
    );
    expect(stderr).toContain("(seccomp: EBUSY)\n  use --net slirp\n");
  });
});
