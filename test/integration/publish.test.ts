// `sandbox run --net slirp --publish`: clients of the host's reach servers inside, as they are asked for and no others.
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { minirootfs } from "../fixtures/rootfs-builder/minirootfs.ts";
import { childrenOf } from "../support/children.ts";
import { writeImages } from "../support/image_layout.ts";
import { LineReader } from "../support/line_reader.ts";
import { noNetNamespace, noTun } from "../support/net_namespace.ts";
import { absent, asRoot, testWhere } from "../support/test_where.ts";
import { SANDBOX, type Started, workspace } from "../support/workspace.ts";

const here = workspace();
const noIpv6 = existsSync("/proc/net/if_inet6") ? undefined : "this host has no IPv6";
const inSlirp = testWhere(noTun(), absent("python3"));
const withIpv6 = testWhere(noTun(), absent("python3"), noIpv6);
const server = here.file("echo_server.py", readFileSync(join(import.meta.dir, "../support/echo_server.py"), "utf8"));
const children = childrenOf(here);
const lines = (stream: Started["stdout"]): LineReader => new LineReader(stream);

/** A sandbox that serves; host ports that the kernel chose, by what they lead to. */
async function served(
  flags: readonly string[],
  command: readonly string[],
  chosen = flags.filter((word) => word === "-p").length,
): Promise<{ readonly child: Started; readonly ports: ReadonlyMap<string, number> }> {
  const child = children.start(["--net", "slirp", ...flags, ...command]);
  const said = lines(child.stderr);
  const ports = new Map<string, number>();
  for (let i = 0; i < chosen; i++) {
    const line = (await said.next()) ?? "";
    const match = /^sandbox: published (\S+):(\d+) -> (\d+\/(?:tcp|udp))$/.exec(line);
    if (!match) throw new Error(`not a published port: ${line}\n${await said.rest()}`);
    ports.set(`${match[1]} ${match[3]}`, Number(match[2]));
  }
  await lines(child.stdout).until("ready");
  return { child, ports };
}

const echo = (...ports: readonly string[]): readonly string[] => ["--", "python3", server, ...ports];

/** All that comes back until the other end has no more. */
function talk(host: string, port: number, payload: string | Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect({ host, port, allowHalfOpen: true }, () => socket.end(payload));
    socket.on("data", (data) => parts.push(Buffer.from(data)));
    socket.on("end", () => resolve(Buffer.concat(parts)));
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("closed without an end")));
  });
}

async function failure(talking: Promise<Buffer>): Promise<string> {
  try {
    return `answered: ${await talking}`;
  } catch (error) {
    return (error as { readonly code?: string }).code ?? String(error);
  }
}

function ask(host: string, port: number, payload: string | Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    socket.on("message", (message) => socket.close(() => resolve(message)));
    socket.on("error", reject);
    socket.send(payload, port, host);
  });
}

async function taken(host = "127.0.0.1") {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, host, resolve));
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => listener.close(resolve));
    },
  };
}

/** The first of `count` neighbours that nobody has, out of those that the kernel chooses from by itself. */
async function freePorts(count: number): Promise<number> {
  for (let first = 20_000 + (process.pid % 1000) * 8; first < 32_000; first += count) {
    const codes = await Promise.all(Array.from({ length: count }, (_, i) => failure(talk("127.0.0.1", first + i, ""))));
    if (codes.every((code) => code === "ECONNREFUSED")) return first;
  }
  throw new Error("no free ports");
}

const at = (ports: ReadonlyMap<string, number>, key: string): number => {
  const port = ports.get(key);
  if (port === undefined) throw new Error(`${key} is not among ${[...ports.keys()]}`);
  return port;
};

describe("TCP", () => {
  testWhere(noTun(), absent("python3", "curl"))("curl gets a page of a server inside", async () => {
    const script =
      "import http.server as h, socketserver as s; v = s.TCPServer(('', 8000), h.SimpleHTTPRequestHandler)";
    here.file("page.html", "from inside\n");
    const { ports } = await served(
      ["-p", "8000"],
      ["--", "python3", "-c", `${script}; print("ready", flush=True); v.serve_forever()`],
    );
    const url = `http://127.0.0.1:${at(ports, "127.0.0.1 8000/tcp")}/page.html`;
    expect(await here.host(["curl", "-sS", url])).toEqual({ code: 0, stdout: "from inside\n", stderr: "" });
  });

  inSlirp(
    "64 MiB go in and come back, whole, over four connections at once",
    async () => {
      const { ports } = await served(["-p", "8000"], echo("8000/tcp"));
      const bytes = new Uint8Array(16 << 20);
      for (let i = 0, state = 1; i < bytes.length; i++) {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        bytes[i] = state >>> 24;
      }
      const hash = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");
      const port = at(ports, "127.0.0.1 8000/tcp");
      const back = await Promise.all([0, 1, 2, 3].map(() => talk("127.0.0.1", port, bytes)));
      expect(back.map(hash)).toEqual([0, 1, 2, 3].map(() => hash(bytes)));
    },
    60_000,
  );

  inSlirp("a client of the host's loopback is seen as the gateway, with its own port", async () => {
    const { ports } = await served(["-p", "8000"], echo("8000/tcp"));
    expect(`${await talk("127.0.0.1", at(ports, "127.0.0.1 8000/tcp"), "who?")}`).toMatch(/^10\.0\.2\.2 \d+$/);
  });

  withIpv6("IPv6, at an address in brackets", async () => {
    const { ports } = await served(["-p", "[::1]::8000"], echo("8000/tcp"));
    const port = at(ports, "[::1] 8000/tcp");
    expect(`${await talk("::1", port, "six")}`).toBe("six");
    expect(`${await talk("::1", port, "who?")}`).toMatch(/^fd00::2 \d+$/);
    expect(await failure(talk("127.0.0.1", port, "four"))).toBe("ECONNREFUSED");
  });

  withIpv6("an IPv6 client of a sandbox without IPv6 comes by IPv4", async () => {
    const child = children.start(["--net", "slirp:ipv6=off", "-p", "[::1]::8000", ...echo("8000/tcp")]);
    const line = await lines(child.stderr).next();
    await lines(child.stdout).until("ready");
    const port = Number(/:(\d+) ->/.exec(line ?? "")?.[1]);
    expect(`${await talk("::1", port, "who?")}`).toMatch(/^10\.0\.2\.2 \d+$/);
  });

  inSlirp("a range, each port to its own", async () => {
    const first = await freePorts(3);
    await served(["-p", `${first}-${first + 2}:8000-8002`], echo("8000/tcp", "8002/tcp"), 0);
    expect(`${await talk("127.0.0.1", first, "a")}`).toBe("a");
    expect(await failure(talk("127.0.0.1", first + 1, "b"))).toBe("ECONNRESET");
    expect(`${await talk("127.0.0.1", first + 2, "c")}`).toBe("c");
  });

  inSlirp("where nobody listens inside the client is reset, and the next one too", async () => {
    const { ports } = await served(["-p", "8000", "-p", "8001"], echo("8001/tcp"));
    for (const _ of [1, 2])
      expect(await failure(talk("127.0.0.1", at(ports, "127.0.0.1 8000/tcp"), "x"))).toBe("ECONNRESET");
    expect(`${await talk("127.0.0.1", at(ports, "127.0.0.1 8001/tcp"), "y")}`).toBe("y");
  });

  inSlirp(
    "300 connections, one after the other and each closed by the server first",
    async () => {
      const { ports } = await served(["-p", "8000"], echo("8000/tcp"));
      const port = at(ports, "127.0.0.1 8000/tcp");
      for (let i = 0; i < 300; i++) expect(`${await talk("127.0.0.1", port, "who?")}`).toStartWith("10.0.2.2 ");
    },
    60_000,
  );
});

describe("UDP", () => {
  inSlirp("answers come back to who asked; the largest datagram too", async () => {
    const { ports } = await served(["-p", "9000/udp"], echo("9000/udp"));
    const port = at(ports, "127.0.0.1 9000/udp");
    const questions = ["one", "two", "three"];
    const answers = await Promise.all(questions.map((question) => ask("127.0.0.1", port, question)));
    expect(answers.map(String)).toEqual(questions);
    expect(`${await ask("127.0.0.1", port, "who?")}`).toMatch(/^10\.0\.2\.2 \d+$/);
    const large = Buffer.from(new Uint8Array(65_507).fill(7));
    expect((await ask("127.0.0.1", port, large)).equals(large)).toBe(true);
  });

  withIpv6("by IPv6", async () => {
    const { ports } = await served(["-p", "[::1]::9000/udp"], echo("9000/udp"));
    expect(`${await ask("::1", at(ports, "[::1] 9000/udp"), "who?")}`).toMatch(/^fd00::2 \d+$/);
  });
});

describe("the source address", () => {
  // A namespace whose addresses are of no other network: the client and the sandbox's supervisor are both in it.
  const script = `
set -e
ip link set lo up
ip address add 198.51.100.5/32 dev lo
ip -6 address add 2001:db8::5/128 dev lo nodad
mkfifo ready
"$0" run --net slirp -p 0.0.0.0:8000:8000 -p '[::]:8000:8000' -p 198.51.100.5:9000:9000/udp -- python3 "$1" 8000/tcp 9000/udp > ready &
read -r line < ready
python3 - <<'END'
import socket
for host, kind, port in ("198.51.100.5", 1, 8000), ("2001:db8::5", 1, 8000), ("198.51.100.5", 2, 9000):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    s.bind((host, 0)); s.connect((host, port)); s.send(b"who?")
    print(s.recv(99).decode().split()[0], int(s.getsockname()[1]) > 0)
END
kill %1
`;
  testWhere(
    noTun(),
    absent("python3", "ip"),
    noNetNamespace(),
    noIpv6,
  )("of another machine is kept", async () => {
    const { stdout, stderr } = await here.host(["unshare", "-Urn", "bash", "-c", script, SANDBOX, server]);
    expect(stderr).toBe("");
    expect(stdout).toBe("198.51.100.5 True\n2001:db8::5 True\n198.51.100.5 True\n");
  });
});

describe("before anything starts", () => {
  const refused = async (...flags: readonly string[]) => {
    const result = await here.run(["--net", "slirp", ...flags, "--", "touch", "started"]);
    expect(existsSync(join(here.dir, "started"))).toBe(false);
    return result;
  };

  inSlirp("a busy port is told, with who to ask", async () => {
    await using busy = await taken();
    const { code, stderr } = await refused("-p", "8000", "-p", `${busy.port}:80`);
    expect(code).toBe(125);
    expect(stderr).toBe(
      `sandbox: Cannot publish 80/tcp at 127.0.0.1:${busy.port}: the port is in use\n  see who has it: ss -tlnp 'sport = :${busy.port}'\n  or let the kernel choose one: -p :80\n`,
    );
  });

  const start = Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
  const noPrivileged = start > 81 ? undefined : "net.ipv4.ip_unprivileged_port_start is low";
  testWhere(
    noTun(),
    asRoot(),
    noPrivileged,
  )("a privileged port is told, with the setting's name", async () => {
    const { code, stderr } = await refused("-p", "81:80");
    expect(code).toBe(125);
    expect(stderr).toContain(`ports below ${start} are kept from you (net.ipv4.ip_unprivileged_port_start)`);
    expect(stderr).toContain("-p 8081:80");
    expect(stderr).toContain("sudo sysctl net.ipv4.ip_unprivileged_port_start=81");
  });

  inSlirp("an address that the host has not is told", async () => {
    const { code, stderr } = await refused("-p", "203.0.113.77:8080:80");
    expect(code).toBe(125);
    expect(stderr).toContain("no interface of this host has the address 203.0.113.77");
  });

  test.each([["none"], ["host"]])("with --net %s it is wrong usage", async (mode) => {
    const { code, stderr } = await here.run(["--net", mode, "-p", "80", "--", "true"]);
    expect(code).toBe(2);
    expect(stderr).toContain("run it without --net: the network that a sandbox has then is our own");
  });

  test("a bad word is wrong usage, also with --explain", async () => {
    const { code, stderr } = await here.run(["--explain", "--net", "slirp", "-p", "http:80", "--", "true"]);
    expect(code).toBe(2);
    expect(stderr).toContain('"http" is no port');
  });
});

describe("sockets of the host's", () => {
  inSlirp("are not among the descriptors of the command, nor of PID 1", async () => {
    const listed = async (...flags: readonly string[]): Promise<string> =>
      here.inside("ls /proc/self/fd /proc/1/fd", ["--net", "slirp", ...flags]);
    const first = await freePorts(1);
    expect(await listed("-p", `${first}:8000`, "-p", `${first}:9000/udp`)).toBe(await listed());
  });

  inSlirp("do not take the place of a descriptor that was not given", async () => {
    const { code, stderr } = await here.run(["--net", "slirp", "-p", "8000", "--preserve-fds", "40", "--", "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain("--preserve-fds");
  });

  inSlirp("are gone when the command has ended, and when the supervisor is killed", async () => {
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      const { child, ports } = await served(["-p", "8000"], echo("8000/tcp"));
      const port = at(ports, "127.0.0.1 8000/tcp");
      expect(`${await talk("127.0.0.1", port, "here")}`).toBe("here");
      child.kill(signal);
      await child.exited;
      expect(await failure(talk("127.0.0.1", port, "gone?"))).toBe("ECONNREFUSED");
    }
  });
});

describe("--publish-all", () => {
  testWhere(noTun(), minirootfs ? undefined : "no Alpine minirootfs")(
    "publishes what the image names",
    async () => {
      const layers = [Bun.gunzipSync(readFileSync(minirootfs ?? ""))];
      const config = { ExposedPorts: { "8000/tcp": {}, "5000/sctp": {} } };
      writeImages(here.folder("layout"), [{ tag: "app", layers, config }]);
      const script = "nc -lk -p 8000 -e cat & until netstat -ltn | grep -q :8000; do :; done; echo ready; wait";
      const child = children.start(["--net", "slirp", "-P", "--rootfs", "oci:layout:app", "--", "sh", "-c", script]);
      const said = lines(child.stderr);
      const told: string[] = [];
      while (!told.at(-1)?.includes("8000/tcp")) told.push((await said.next()) ?? "8000/tcp is not told");
      await lines(child.stdout).until("ready");
      expect(told).toContain("sandbox: not published: 5000/sctp");
      const port = Number(/127\.0\.0\.1:(\d+) -> 8000\/tcp$/.exec(told.at(-1) ?? "")?.[1]);
      expect(`${await talk("127.0.0.1", port, "busy box")}`).toBe("busy box");
    },
    60_000,
  );
});

describe("--net-log", () => {
  inSlirp("has a line for each client, when it has gone", async () => {
    const flags = ["--net-log", join(here.dir, "served.json"), "-p", "8000", "-p", "9000/udp"];
    const { child, ports } = await served(flags, echo("8000/tcp", "9000/udp"));
    expect(String(await talk("127.0.0.1", at(ports, "127.0.0.1 8000/tcp"), "four"))).toBe("four");
    expect(`${await ask("127.0.0.1", at(ports, "127.0.0.1 9000/udp"), "three")}`).toBe("three");
    child.kill("SIGTERM");
    await child.exited;
    const entries = readFileSync(join(here.dir, "served.json"), "utf8").trimEnd().split("\n");
    const client = { direction: "in", address: "127.0.0.1", verdict: "allowed" };
    const byProtocol = entries.map((line) => JSON.parse(line)).sort((a, b) => (a.protocol < b.protocol ? -1 : 1));
    expect(byProtocol).toEqual([
      expect.objectContaining({ ...client, protocol: "tcp", sandboxPort: 8000, bytesIn: 4, bytesOut: 4 }),
      expect.objectContaining({ ...client, protocol: "udp", sandboxPort: 9000, bytesIn: 5, bytesOut: 5 }),
    ]);
  });
});
