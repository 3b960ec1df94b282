// `sandbox port ls|add|rm`: ports of a sandbox that runs already, with real servers inside and real clients outside.
import { describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { childrenOf } from "../support/children.ts";
import { LineReader } from "../support/line_reader.ts";
import { noTun } from "../support/net_namespace.ts";
import { HANG } from "../support/network_inside.ts";
import { eventually, exeOf } from "../support/processes.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { type Started, workspace } from "../support/workspace.ts";

const here = workspace();
const noIpv6 = existsSync("/proc/net/if_inet6") ? undefined : "this host has no IPv6";
const inSlirp = testWhere(noTun(), absent("python3"));
const withIpv6 = testWhere(noTun(), absent("python3"), noIpv6);
const SERVER = here.file("echo_server.py", readFileSync(join(import.meta.dir, "../support/echo_server.py"), "utf8"));
const FOLDER = join(here.runtime, "sandbox/sandboxes");
const children = childrenOf(here);

/** A sandbox with echo servers at `ports` inside. */
async function serving(name: string, ports: readonly string[], flags: readonly string[] = []): Promise<Started> {
  return children.ready(["--net", "slirp", "--name", name, ...flags, "--", "python3", SERVER, ...ports]);
}

const port = (...words: readonly string[]) => here.sandbox(["port", ...words]);

/** What a command prints; that it succeeds and complains of nothing is part of the claim. */
async function said(...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await port(...words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

/** The host's port of a line of `port add`. */
const chosen = (line: string): number => Number(/:(\d+) -> /.exec(line)?.[1]);

const listed = async (...words: readonly string[]): Promise<readonly Record<string, unknown>[]> =>
  JSON.parse(await said("ls", "--json", ...words));

function talk(host: string, at: number, payload: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect({ host, port: at, allowHalfOpen: true }, () => socket.end(payload));
    socket.on("data", (data) => parts.push(Buffer.from(data)));
    socket.on("end", () => resolve(`${Buffer.concat(parts)}`));
    socket.on("error", reject);
  });
}

const refusal = (talking: Promise<string>): Promise<string> =>
  talking.then(
    (text) => `answered ${text}`,
    (error) => error.code,
  );

function ask(host: string, at: number, payload: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    socket.on("message", (message) => socket.close(() => resolve(`${message}`)));
    socket.on("error", reject);
    socket.send(payload, at, host);
  });
}

describe("a port that is added", () => {
  testWhere(noTun(), absent("python3", "curl"))("leads curl to a server inside, until it is taken back", async () => {
    here.file("page.html", "from inside\n");
    const script =
      "import http.server as h, socketserver as s; v = s.TCPServer(('', 8000), h.SimpleHTTPRequestHandler)";
    const server = `${script}; print("ready", flush=True); v.serve_forever()`;
    await children.ready(["--net", "slirp", "--name", "web", "--", "python3", "-c", server]);
    const line = await said("add", "web", "0:8000");
    expect(line).toMatch(/^127\.0\.0\.1:\d+ -> 8000\/tcp\n$/);
    const url = `http://127.0.0.1:${chosen(line)}/page.html`;
    expect(await here.host(["curl", "-sS", url])).toEqual({ code: 0, stdout: "from inside\n", stderr: "" });
    expect(await said("rm", "web", `${chosen(line)}`)).toBe(line);
    expect((await here.host(["curl", "-sS", url])).code).toBe(7);
    expect(await listed()).toEqual([]);
  });

  inSlirp("is listed beside those from the start, by name, by id and for all", async () => {
    await serving("web", ["8000/tcp"], ["-p", "8000"]);
    const added = chosen(await said("add", "web", "8000"));
    const all = await listed();
    const [first, second] = all;
    expect(all.length).toBe(2);
    expect(first).toMatchObject({ name: "web", address: "127.0.0.1", sandboxPort: 8000, protocol: "tcp" });
    expect(second).toMatchObject({ name: "web", hostPort: added, sandboxPort: 8000, protocol: "tcp" });
    for (const word of ["web", `${first?.id}`, `${first?.id}`.slice(0, 11)]) expect(await listed(word)).toEqual(all);
    expect(await said("ls", "web")).toBe(
      `ID            NAME  HOST${" ".repeat(`127.0.0.1:${added}`.length - 2)}SANDBOX\n` +
        all.map(({ id, hostPort }) => `${id}  web   127.0.0.1:${hostPort}  8000/tcp\n`).join(""),
    );
    for (const { hostPort } of all) expect(await talk("127.0.0.1", Number(hostPort), "hello")).toBe("hello");
  });

  inSlirp(
    "may be one of a range of hundreds, all of which come and go",
    async () => {
      await serving("many", ["8000/tcp", "8599/tcp"]);
      const lines = (await said("add", "many", "8000-8599")).trim().split("\n");
      expect(lines.length).toBe(600);
      expect((await listed("many")).length).toBe(600);
      expect(await talk("127.0.0.1", chosen(lines[0] ?? ""), "first")).toBe("first");
      expect(await talk("127.0.0.1", chosen(lines[599] ?? ""), "last")).toBe("last");
      const numbers = lines.map(chosen).map(String);
      expect((await said("rm", "many", ...numbers)).trim().split("\n").length).toBe(600);
      expect(await listed("many")).toEqual([]);
      expect(await refusal(talk("127.0.0.1", Number(numbers[0]), "x"))).toBe("ECONNREFUSED");
    },
    HANG,
  );

  inSlirp("may be one of UDP, whose clients get no answers when it has gone", async () => {
    await serving("udp", ["9000/udp"]);
    const at = chosen(await said("add", "udp", "9000/udp"));
    expect(await ask("127.0.0.1", at, "who?")).toStartWith("10.0.2.2 ");
    expect((await port("rm", "udp", `${at}`)).stderr).toContain("it is not published");
    await said("rm", "udp", `${at}/udp`);
    const socket = createSocket("udp4");
    const refused = new Promise((resolve) => socket.on("error", resolve));
    socket.connect(at, "127.0.0.1", () => socket.send("x"));
    expect(await refused).toMatchObject({ code: "ECONNREFUSED" });
    socket.close();
  });

  withIpv6("may be at an IPv6 address, which is another port's than IPv4's", async () => {
    await serving("six", ["8000/tcp"]);
    const at = chosen(await said("add", "six", "[::1]::8000"));
    expect(await talk("::1", at, "who?")).toStartWith("fd00::2 ");
    expect(await said("add", "six", `127.0.0.1:${at}:8000`)).toBe(`127.0.0.1:${at} -> 8000/tcp\n`);
    expect(await talk("127.0.0.1", at, "who?")).toStartWith("10.0.2.2 ");
    await said("rm", "six", `[::1]:${at}`);
    expect(await refusal(talk("::1", at, "x"))).toBe("ECONNREFUSED");
    expect(await talk("127.0.0.1", at, "still")).toBe("still");
    await said("add", "six", `[::1]:${at}:8000`);
    expect((await said("rm", "six", `${at}`)).trim().split("\n").length).toBe(2);
  });

  inSlirp("leaves its connections alone when it goes", async () => {
    await serving("open", ["8000/tcp"]);
    const at = chosen(await said("add", "open", "8000"));
    const socket = connect({ host: "127.0.0.1", port: at });
    const lines = new LineReader(
      new ReadableStream({ start: (to) => void socket.on("data", (data) => to.enqueue(Buffer.from(data))) }),
    );
    socket.write("one\n");
    expect(await lines.next()).toBe("one");
    await said("rm", "open", `${at}`);
    socket.write("two\n");
    expect(await lines.next()).toBe("two");
    socket.destroy();
  });
});

describe("what cannot be had is told, and nothing is changed", () => {
  inSlirp("a busy port", async () => {
    await serving("web", []);
    const busy = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => busy.on("listening", resolve));
    const { port: at } = busy.address() as { port: number };
    const { code, stdout, stderr } = await port("add", "web", "8000", `${at}:80`);
    busy.close();
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toBe(
      `sandbox: Cannot publish 80/tcp at 127.0.0.1:${at}: the port is in use\n  see who has it: ss -tlnp 'sport = :${at}'\n  or let the kernel choose one: sandbox port add web :80\n`,
    );
    expect(await listed("web")).toEqual([]);
  });

  inSlirp("ports of which one is not published", async () => {
    await serving("web", []);
    const at = chosen(await said("add", "web", "8000"));
    for (const word of [`${at - 1}-${at}`, `${at}/udp`, `0.0.0.0:${at}`]) {
      const { code, stderr } = await port("rm", "web", `${at}`, word);
      expect(code).toBe(125);
      expect(stderr).toContain(`Cannot take back the port ${word}: it is not published`);
    }
    expect((await listed("web")).length).toBe(1);
  });

  test.each([["none"], ["host"]])("with --net %s", async (mode) => {
    await children.ready(["--net", mode, "--name", "other", "--", "sh", "-c", "echo ready; cat"]);
    for (const words of [
      ["ls", "other"],
      ["add", "other", "80"],
      ["rm", "other", "80"],
    ]) {
      const { code, stderr } = await port(...words);
      expect(code).toBe(125);
      expect(stderr).toContain(`the network of --net ${mode} has no ports of its own`);
      expect(stderr).toContain("run it without --net: the network that a sandbox has then is our own");
    }
    expect(await listed()).toEqual([]);
  });

  test("a sandbox that is not there, with those that are", async () => {
    expect(await port("ls", "nobody")).toEqual({
      code: 125,
      stdout: "",
      stderr:
        "sandbox: Cannot find the sandbox nobody: none of that name or id is running\n  none at all is: start one with sandbox run --name NAME\n",
    });
    await children.ready(["--name", "somebody", "--", "sh", "-c", "echo ready; cat"]);
    expect((await port("add", "no\u001b[2Jbody", "80")).stderr).toBe(
      "sandbox: Cannot find the sandbox no\\u{1b}[2Jbody: none of that name or id is running\n  running are: somebody\n",
    );
  });

  test.each([[["add", "web"]], [["add", "web", "http"]], [["add", "web", "80/sctp"]], [["rm", "web", "8080:80"]]])(
    "%p is wrong usage",
    async (words) => {
      expect((await port(...words)).code).toBe(2);
    },
  );
});

describe("the supervisor", () => {
  inSlirp("that was killed has left nothing that runs, and nothing at all for the next who looks", async () => {
    const child = await serving("web", ["8000/tcp"]);
    const at = chosen(await said("add", "web", "8000"));
    child.kill("SIGKILL");
    await child.exited;
    expect(readdirSync(FOLDER).length).toBe(1);
    const { code, stdout, stderr } = await port("ls");
    expect({ code, stdout }).toEqual({ code: 0, stdout: "ID  NAME  HOST  SANDBOX\n" });
    expect(stderr).toBe("sandbox: no sandbox that has a name or published ports is running\n");
    expect(readdirSync(FOLDER)).toEqual([]);
    expect(await refusal(talk("127.0.0.1", at, "x"))).toBe("ECONNREFUSED");
  });

  inSlirp("removes its entry itself when its command ends", async () => {
    const child = await serving("web", ["8000/tcp"], ["-p", "8000"]);
    child.kill("SIGTERM");
    await child.exited;
    expect(readdirSync(FOLDER)).toEqual([]);
  });

  inSlirp(
    "is the static waiter until it is asked for something, be it of a command that says nothing itself",
    async () => {
      const child = await serving("web", ["8000/tcp"]);
      const isWaiter = (exe: string): boolean => exe.includes("sandbox-waiter");
      await eventually(() => exeOf(child.pid), isWaiter);
      expect(await listed()).toEqual([]);
      expect(await listed("web")).toEqual([]);
      expect(isWaiter(exeOf(child.pid))).toBe(true);
      const at = chosen(await said("add", "web", "8000"));
      expect(isWaiter(exeOf(child.pid))).toBe(false);
      expect(await talk("127.0.0.1", at, "awake")).toBe("awake");
      expect(await listed("web")).toHaveLength(1);
      child.kill("SIGTERM");
      expect(await child.exited).toBe(143);
    },
  );

  inSlirp("that has published a port has an id, also without a name", async () => {
    await children.ready(["--net", "slirp", "-p", "8000", "--", "python3", SERVER, "8000/tcp"]);
    const [{ id, name } = {}] = await listed();
    expect({ id: `${id}`.length, name }).toEqual({ id: 12, name: null });
    const at = chosen(await said("add", `${id}`, "8000"));
    expect(await talk("127.0.0.1", at, "by id")).toBe("by id");
  });

  inSlirp(
    "is not disturbed by what is no request, nor by clients that stay, nor by sockets that are none",
    async () => {
      await serving("web", ["8000/tcp"]);
      const [id = ""] = readdirSync(FOLDER);
      const program = `
import array, json, os, random, socket, sys
def client():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect(sys.argv[1]); s.settimeout(20); return s
def answer(data, fds=()):
    s = client()
    s.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
    try: return s.recv(65536)
    except ConnectionError: return b""
random.seed(7)
valid = b'{"kind":"publish","ports":[{"protocol":"tcp","sandboxPort":80}]}'
for i in range(500):
    data = bytearray(valid)
    for _ in range(1 + i % 5): data[random.randrange(len(data))] = random.randrange(256)
    got = answer(bytes(data), [0] * (i % 3))
    assert b'done' not in got, (data, got)
assert answer(b'x' * 70000) == b''
tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
for fd in (os.open("/dev/null", os.O_RDWR), tcp.fileno(), udp.fileno(), client().fileno()): print(json.loads(answer(valid, [fd]))["cause"])
print(json.loads(answer(valid))["cause"])
staying = [client() for _ in range(30)]
for s in staying[16:]: s.close()
print("crowded", flush=True); sys.stdin.readline()`;
      const crowd = Bun.spawn(["python3", "-c", program, join(FOLDER, id, "control")], {
        cwd: here.dir,
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit",
      });
      const lines = new LineReader(crowd.stdout);
      const causes = (await lines.until("crowded")).slice(0, -1);
      crowd.kill("SIGKILL");
      await crowd.exited;
      expect(causes).toEqual([
        "what came is no socket",
        "the socket does not listen",
        "the socket is none of tcp",
        "the socket is none of tcp",
        "not as many sockets came as ports were named",
      ]);
      expect(await listed("web")).toEqual([]);
      expect(await talk("127.0.0.1", chosen(await said("add", "web", "8000")), "still here")).toBe("still here");
    },
  );
});
