// A network made worse on request, what is written down of it, and rules for what may leave: seen from inside, and from a server outside.
import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { GATEWAY, HANG, NO_NETWORK, python, pythonSays, SLIRP } from "../support/network_inside.ts";
import { TcpServer } from "../support/network_servers.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const withNetwork = testWhere(NO_NETWORK);
const withCurl = testWhere(NO_NETWORK, absent("curl"));

/** Sends back what it has got, as it comes. */
const echo = (socket: Socket): void => {
  socket.pipe(socket);
};

/** What is sent is the hash of a seed, stretched; it is read back while it is sent. */
const ECHOED = `
import threading
s, data = dial(int(sys.argv[1])), hashlib.shake_128(b"seed").digest(int(sys.argv[2]))
def send(): s.sendall(data); s.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
say(received(s) == data)`;

describe("a lossy wire", () => {
  for (const { loss, mtu, size } of [
    { loss: "2%", mtu: 65520, size: 8_000_000 },
    { loss: "2%", mtu: 1500, size: 2_000_000 },
    { loss: "8%", mtu: 1500, size: 100_000 },
  ])
    withNetwork(
      `of ${loss}, with packets of ${mtu} bytes, brings every byte in order, both ways at once`,
      async () => {
        await using server = await TcpServer.start(echo);
        const args = ["--net", `slirp:host-loopback,mtu=${mtu}`, "--net-loss", loss];
        expect(await pythonSays(here, [...args, ...python(ECHOED, server.port, size)])).toBe("True\n");
      },
      HANG,
    );

  withNetwork(
    "that loses everything lets nothing through",
    async () => {
      let reached = 0;
      await using server = await TcpServer.start(() => void reached++);
      const program = `
s = socket.socket()
s.settimeout(1)
say(outcome(lambda: s.connect((GATEWAY[4], int(sys.argv[1])))))`;
      const args = [...SLIRP, "--net-loss", "100%", ...python(program, server.port)];
      expect(await pythonSays(here, args)).toMatch(/TimeoutError|timeout|ETIMEDOUT|EAGAIN/);
      expect(reached).toBe(0);
    },
    HANG,
  );
});

describe("a slow wire", () => {
  const TAKES = `
import time
s = dial(int(sys.argv[1]))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
begun = time.monotonic()
s.sendall(b"x" * int(sys.argv[2]))
s.shutdown(socket.SHUT_WR)
received(s)
say(time.monotonic() - begun)`;

  // A wire is never faster than it was asked to be; how much slower, the machine decides.
  withNetwork(
    "takes its delay in each direction",
    async () => {
      await using server = await TcpServer.start(echo);
      const seconds = await pythonSays(here, [...SLIRP, "--net-delay", "80ms", ...python(TAKES, server.port, 10)]);
      expect(Number(seconds)).toBeGreaterThan(0.16);
    },
    HANG,
  );

  withNetwork(
    "carries no more than its rate",
    async () => {
      const swallow = (socket: Socket): void => void socket.resume().on("end", () => socket.end());
      await using server = await TcpServer.start(swallow);
      // 250,000 bytes at 125,000 a second; what the sandbox's own socket buffer takes at once does not count, for the end is awaited.
      const args = [...SLIRP, "--net-rate", "up=1mbit", ...python(TAKES, server.port, 250_000)];
      expect(Number(await pythonSays(here, args))).toBeGreaterThan(1.9);
    },
    HANG,
  );
});

describe("what is written down", () => {
  const PCAP_MAGIC = 0xa1b2c3d4;

  withNetwork(
    "is a line for each flow, and every frame",
    async () => {
      await using server = await TcpServer.start(echo);
      const [log, pcap] = ["flows.json", "frames.pcap"].map((name) => join(here.dir, name)) as [string, string];
      const files = ["--net-log", log, "--net-pcap", pcap];
      const program = `
s = dial(int(sys.argv[1]))
s.sendall(b"0123456789")
s.shutdown(socket.SHUT_WR)
say(len(received(s)))
say(outcome(lambda: socket.create_connection(("169.254.169.254", 80), 20)))`;
      const { stdout } = await here.run([...SLIRP, ...files, ...python(program, server.port)]);
      expect(stdout).toBe("10\nECONNREFUSED\n");
      const entries = readFileSync(log, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(entries).toContainEqual(
        expect.objectContaining({
          protocol: "tcp",
          address: GATEWAY[4],
          name: "host.sandbox.internal",
          port: server.port,
          verdict: "allowed",
          bytesOut: 10,
          bytesIn: 10,
        }),
      );
      expect(entries).toContainEqual(
        expect.objectContaining({ address: "169.254.169.254", port: 80, verdict: "denied", bytesOut: 0 }),
      );
      const frames = readFileSync(pcap);
      expect(frames.readUInt32LE(0)).toBe(PCAP_MAGIC);
      expect(frames.includes("0123456789")).toBe(true);
    },
    HANG,
  );

  withNetwork("where it cannot be, nothing is started", async () => {
    const { code, stdout, stderr } = await here.run([...SLIRP, "--net-log", "/proc/nowhere", "--", "echo", "started"]);
    expect([code, stdout]).toEqual([125, ""]);
    expect(stderr).toContain("/proc/nowhere");
  });
});

describe("rules", () => {
  /** Answers each request with the host that it names. */
  const web = (socket: Socket): void => {
    socket.once("data", (request: Buffer) => {
      const body = /^host: *(.*)\r$/im.exec(request.toString())?.[1] ?? "";
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
    });
  };
  const named = (port: number, ...more: readonly string[]): readonly string[] => [
    ...SLIRP,
    ...["--add-host", `web.test:${GATEWAY[4]}`, "--add-host", `other.test:${GATEWAY[4]}`],
    ...["--allow-net", `web.test:${port}`],
    ...more,
  ];

  withCurl(
    "for a name let out what shows that name, and nothing else to the same address",
    async () => {
      await using server = await TcpServer.start(web);
      const get = (
        url: string,
        ...more: readonly string[]
      ): Promise<{ code: number; stdout: string; stderr: string }> =>
        here.run([...named(server.port), "--", "curl", "-sS", ...more, url]);
      const { port } = server;
      expect((await get(`http://web.test:${port}/`)).stdout).toBe(`web.test:${port}`);
      const [hidden, literal] = [
        await get(`http://web.test:${port}/`, "-H", "Host: other.test"),
        await get(`http://${GATEWAY[4]}:${port}/`),
      ];
      expect([hidden.stdout, literal.stdout]).toEqual(["", ""]);
      expect(hidden.stderr).toContain("it is for other.test, and no rule allows that name");
      expect(literal.code).not.toBe(0);
    },
    HANG,
  );

  withNetwork(
    "let out nothing but what they name, by any protocol, and say once what they stop",
    async () => {
      let reached = 0;
      await using server = await TcpServer.start(() => void reached++);
      const program = `
for i in range(3): say(outcome(lambda: dial(int(sys.argv[1]))))
say(outcome(lambda: socket.getaddrinfo("other.invalid", 80)))`;
      const args = [...SLIRP, "--allow-net", "192.0.2.0/24:443", ...python(program, server.port)];
      const { stdout, stderr } = await here.run(args);
      expect(stdout.split("\n").slice(0, 3)).toEqual(Array(3).fill("ECONNREFUSED"));
      expect(stderr.match(/Blocked tcp to/g)).toHaveLength(1);
      expect(stderr).toContain(`--allow-net host.sandbox.internal:${server.port}`);
      expect(stderr).toContain("Blocked the name other.invalid");
      expect(reached).toBe(0);
    },
    HANG,
  );

  withNetwork(
    "that deny win over those that allow",
    async () => {
      let reached = 0;
      await using server = await TcpServer.start(() => void reached++);
      const program = "say(outcome(lambda: dial(int(sys.argv[1]))))";
      const rules = ["--allow-net", "10.0.0.0/8", "--deny-net", `${GATEWAY[4]}:${server.port}`];
      const { stdout, stderr } = await here.run([...SLIRP, ...rules, ...python(program, server.port)]);
      expect(stdout).toBe("ECONNREFUSED\n");
      expect(stderr).toContain(`the rule ${GATEWAY[4]}:${server.port} denies it`);
      expect(reached).toBe(0);
    },
    HANG,
  );

  for (const [rules, cause] of [
    [["--allow-net", "http://example.org"], "it is a URL"],
    [["--deny-net", "a b"], "a space"],
    [["--net-policy", "/proc/nowhere"], "there is no such file"],
  ] as const)
    withNetwork(`${rules.join(" ")} is refused before anything starts`, async () => {
      const { code, stdout, stderr } = await here.run([...SLIRP, ...rules, "--", "echo", "started"]);
      expect([code === 0, stdout]).toEqual([false, ""]);
      expect(stderr).toContain(cause);
    });
});

describe("names", () => {
  withNetwork(
    "are answered by UDP and by TCP, the sandbox's own and those that were added",
    async () => {
      const program = `
def ask(name, tcp):
    q = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\\0\\0\\1\\0\\1"
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
    s.settimeout(20)
    s.connect(("10.0.2.3", 53))
    s.sendall(struct.pack(">H", len(q)) + q if tcp else q)
    a = s.recv(512)
    return ".".join(str(b) for b in a[-4:])
for tcp in (False, True): say(ask("sandbox", tcp), ask("db.test", tcp))`;
      const args = [...SLIRP, "--add-host", "db.test:192.0.2.7", ...python(program)];
      expect(await pythonSays(here, args)).toBe("10.0.2.100 192.0.2.7\n".repeat(2));
    },
    HANG,
  );
});
