// More programs that people use, against servers on the test's own loopback: what speaks SSH, DNS and HTTP, and what measures.
import { afterEach, describe, expect } from "bun:test";
import { chmodSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { LineReader } from "../support/line_reader.ts";
import { HANG, NO_NETWORK, printed, SLIRP } from "../support/network_inside.ts";
import { closedPort } from "../support/network_servers.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const children: Bun.Subprocess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
});

const where = (...programs: readonly string[]) => testWhere(NO_NETWORK, absent(...programs));

/** A server of the host's: `ready` is in what it says when it listens. */
async function start(argv: readonly string[], from: "stdout" | "stderr", ready: string): Promise<void> {
  const child = Bun.spawn([...argv], { cwd: here.dir, env: here.env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  children.push(child);
  const lines = new LineReader(child[from]);
  for (let line = await lines.next(); !line?.includes(ready); line = await lines.next())
    if (line === undefined) throw new Error(`${argv[0]} has ended`);
}

describe("git over SSH", () => {
  const IDENTITY = "-c user.name=a -c user.email=a@b";

  async function sshd(): Promise<number> {
    const port = await closedPort("tcp");
    const keys = ["host_key", "user_key"].map((name) => `ssh-keygen -q -t ed25519 -N '' -f ${name}`).join(" && ");
    printed(await here.host(["sh", "-ec", `${keys}; cp user_key.pub authorized`]));
    const known = `[10.0.2.2]:${port} ${await Bun.file(join(here.dir, "host_key.pub")).text()}`;
    here.file("known_hosts", known);
    const config = here.file(
      "sshd_config",
      `Port ${port}
ListenAddress 127.0.0.1
HostKey ${here.dir}/host_key
AuthorizedKeysFile ${here.dir}/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
PidFile none
SetEnv HOME=${here.home} GIT_CONFIG_NOSYSTEM=1
`,
    );
    chmodSync(here.dir, 0o755);
    await start(["/usr/sbin/sshd", "-D", "-e", "-f", config], "stderr", "Server listening");
    return port;
  }

  where("git", "ssh", "sshd")(
    "clones and pushes, the host's key checked",
    async () => {
      const port = await sshd();
      const data = Buffer.alloc(3_000_000, "0123456789abcdef\n");
      await Bun.write(join(here.dir, "work/data"), data);
      const make = `git init -q work && git -C work add data && git -C work ${IDENTITY} commit -q -m first && git clone -q --bare work served.git`;
      printed(await here.host(["sh", "-ec", make]));
      const ssh = `ssh -F none -i $PWD/user_key -o UserKnownHostsFile=$PWD/known_hosts -o StrictHostKeyChecking=yes -o BatchMode=yes`;
      const url = `ssh://${userInfo().username}@10.0.2.2:${port}${here.dir}/served.git`;
      const script = `
export HOME=/tmp GIT_CONFIG_NOSYSTEM=1 GIT_SSH_COMMAND="${ssh}"
cd /tmp && git clone -q ${url} cloned && cd cloned && cmp data "$0/work/data" && git log --format=%s
git ${IDENTITY} commit -q --allow-empty -m "from inside" && git push -q origin HEAD`;
      const out = await here.run([...SLIRP, "--", "sh", "-ec", script, here.dir]);
      expect(printed(out)).toBe("first\n");
      const log = await here.host(["git", "-C", "served.git", "log", "--format=%s"]);
      expect(printed(log)).toBe("from inside\nfirst\n");
    },
    HANG,
  );
});

describe("HTTP", () => {
  const BODY = Buffer.alloc(2_000_000, "body");

  /** Answers a GET with a body and a POST with what was posted; keeps connections. */
  async function web(): Promise<{ readonly port: number; readonly connections: () => number } & AsyncDisposable> {
    let connections = 0;
    const server = createServer((request, response) => {
      if (request.method === "POST") request.pipe(response);
      else response.end(BODY);
    });
    server.on("connection", () => connections++);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const close = async (): Promise<void> => {
      server.closeAllConnections();
      server.close();
    };
    const { port } = server.address() as AddressInfo;
    return { port, connections: () => connections, [Symbol.asyncDispose]: close };
  }

  const noRequests =
    Bun.spawnSync(["python3", "-c", "import requests"], { stderr: "ignore" }).exitCode === 0
      ? undefined
      : "python3-requests is not installed";

  testWhere(NO_NETWORK, noRequests)(
    "Python's requests: a session keeps its connection, streams, and posts",
    async () => {
      await using server = await web();
      const program = `
import requests, sys
url = f"http://host.sandbox.internal:{sys.argv[1]}/"
with requests.Session() as session:
    for _ in range(20): assert session.get(url, timeout=20).content == b"body" * 500_000
    with session.get(url, stream=True, timeout=20) as got: print(sum(len(part) for part in got.iter_content(4096)))
    print(session.post(url, data=b"x" * 3_000_000, timeout=20).content == b"x" * 3_000_000)
try: requests.get("http://10.0.2.2:9/", timeout=20)
except requests.ConnectionError as error: print("refused" in str(error))`;
      const out = await here.run([...SLIRP, "--", "python3", "-c", program, String(server.port)]);
      expect(printed(out)).toBe("2000000\nTrue\nTrue\n");
      expect(server.connections()).toBe(1);
    },
    HANG,
  );

  where("node")(
    "node's http with an agent that keeps connections, and net with half-closed ones",
    async () => {
      await using server = await web();
      const echo = createTcpServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
      await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
      const program = `
const http = require("node:http"), net = require("node:net");
const [web, echo] = process.argv.slice(1).map(Number);
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
const get = () => new Promise((resolve, reject) => http.get({ host: "10.0.2.2", port: web, agent }, (response) => {
  let size = 0; response.on("data", (part) => size += part.length); response.on("end", () => resolve(size));
}).on("error", reject));
const talk = () => new Promise((resolve, reject) => {
  let size = 0;
  const socket = net.connect({ host: "10.0.2.2", port: echo, allowHalfOpen: true }, () => socket.end(Buffer.alloc(1_000_000)));
  socket.on("data", (part) => size += part.length).on("end", () => resolve(size)).on("error", reject);
});
const refused = () => new Promise((resolve) => net.connect(9, "10.0.2.2").on("error", (error) => resolve(error.code)));
(async () => {
  console.log(new Set(await Promise.all(Array.from({ length: 40 }, get))));
  console.log(new Set(await Promise.all(Array.from({ length: 8 }, talk))));
  console.log(await refused());
  process.exit();
})();`;
      const ports = [server.port, (echo.address() as AddressInfo).port].map(String);
      const out = await here.run([...SLIRP, "--", "node", "-e", program, ...ports]);
      echo.close();
      expect(printed(out)).toBe("Set(1) { 2000000 }\nSet(1) { 1000000 }\nECONNREFUSED\n");
      expect(server.connections()).toBeLessThanOrEqual(4);
    },
    HANG,
  );
});

describe("iperf3", () => {
  for (const [name, flags, streams] of [
    ["out", [], 1],
    ["in", ["-R"], 1],
    ["both ways at once", ["--bidir"], 2],
    ["out, 64 streams", ["-P", "64"], 64],
    ["in, 64 streams", ["-R", "-P", "64"], 64],
    ["UDP, out", ["-u", "-b", "50M"], 1],
    ["UDP, in", ["-R", "-u", "-b", "50M"], 1],
  ] as const)
    where("iperf3")(
      name,
      async () => {
        const port = String(await closedPort("tcp"));
        const server = ["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", port, "--forceflush"];
        await start(server, "stdout", "Server listening");
        const client = ["iperf3", "-J", "-t", "1", "-c", "10.0.2.2", "-p", port, ...flags];
        const out = await here.run([...SLIRP, "--", ...client]);
        expect([out.code, out.stderr]).toEqual([0, ""]);
        const { start: begun, end } = JSON.parse(out.stdout);
        expect(begun.connected).toHaveLength(streams);
        if (flags.some((flag) => flag === "-u")) expect(end.sum.packets).toBeGreaterThan(end.sum.lost_packets);
        else expect(end.sum_received.bytes).toBeGreaterThan(0);
      },
      HANG,
    );
});
