// Datagrams and echo requests through a sandbox's own network: whole, with their bounds, and with the errors of the way.
import { describe, expect } from "bun:test";
import { readdirSync } from "node:fs";
import { LineReader } from "../support/line_reader.ts";
import { GATEWAY, HANG, NO_NETWORK, printed, python, pythonSays, SLIRP } from "../support/network_inside.ts";
import { closedPort, udpServer } from "../support/network_servers.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const withNetwork = testWhere(NO_NETWORK);
const withPing = testWhere(NO_NETWORK, absent("ping"));

const echo = (family: 4 | 6) =>
  udpServer((socket, datagram, { port, address }) => socket.send(datagram, port, address), family);

/** Sends what came back: one by one, and then all of it by one call (UDP_SEGMENT). */
const SEGMENT_ECHO = `
import socket, sys
family = int(sys.argv[1])
s = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("::1" if family == 6 else "127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
for size, length in ((1000, 2500), (1000, 3000), (1000, 1001), (1, 7), (1200, 60000), (1400, 44000), (500, 500)):
    got = []
    while sum(map(len, got)) < length:
        data, who = s.recvfrom(1 << 16)
        got.append(data)
    s.setsockopt(17, 103, 0)
    for data in got: s.sendto(data, who)
    s.setsockopt(17, 103, size)
    s.sendto(b"".join(got), who)
`;

async function segmentEcho(family: 4 | 6) {
  const child = Bun.spawn(["python3", "-c", SEGMENT_ECHO, String(family)], { stdout: "pipe", stderr: "inherit" });
  const port = Number(await new LineReader(child.stdout).next());
  return { port, [Symbol.asyncDispose]: async () => child.kill() };
}

/** The most that a datagram holds (RFC 768), with IPv4's header in the same 65,535 bytes. */
const LARGEST = 65_507;
const SIZES = [0, 1, 1472, 1473, 8192, 60_000, LARGEST] as const;

describe("UDP", () => {
  for (const mtu of [65520, 1500])
    for (const family of [4, 6] as const)
      withNetwork(`datagrams of any size come back as they went, mtu ${mtu}, IPv${family}`, async () => {
        await using server = await echo(family);
        const program = `
s = datagrams(int(sys.argv[1]), int(sys.argv[2]))
for size in map(int, sys.argv[3:]):
    data = os.urandom(size)
    s.send(data)
    say(size, s.recv(1 << 16) == data)`;
        const args = ["--net", `slirp:host-loopback,mtu=${mtu}`, ...python(program, server.port, family, ...SIZES)];
        expect(await pythonSays(here, args)).toBe(SIZES.map((size) => `${size} True\n`).join(""));
      });

  withNetwork("a socket that is not connected sees who answered", async () => {
    await using server = await echo(4);
    const program = `
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
s.sendto(b"hello", (GATEWAY[4], int(sys.argv[1])))
data, (address, port) = s.recvfrom(100)
say(data.decode(), address, port == int(sys.argv[1]))`;
    expect(await pythonSays(here, [...SLIRP, ...python(program, server.port)])).toBe("hello 10.0.2.2 True\n");
  });

  withNetwork("answers find the socket that asked, of many, and the host sees as many", async () => {
    const ports = new Set<number>();
    await using server = await udpServer((socket, datagram, { port, address }) => {
      ports.add(port);
      socket.send(datagram, port, address);
    });
    const program = `
all = [datagrams(int(sys.argv[1])) for _ in range(200)]
for i, s in enumerate(all): s.send(b"%d" % i)
say(all_right := all and sum(s.recv(100) == b"%d" % i for i, s in enumerate(all)))`;
    expect(await pythonSays(here, [...SLIRP, ...python(program, server.port)])).toBe("200\n");
    expect(ports.size).toBe(200);
  });

  withNetwork("what is sent without being asked for comes in, as long as the flow is known", async () => {
    await using server = await udpServer((socket, _, { port, address }) => {
      for (let i = 0; i < 50; i++) socket.send(`${i}`, port, address);
    });
    const program = `
s = datagrams(int(sys.argv[1]))
s.send(b"go")
say(*[s.recv(100).decode() for _ in range(50)])`;
    const all = Array.from({ length: 50 }, (_, i) => i).join(" ");
    expect(await pythonSays(here, [...SLIRP, ...python(program, server.port)])).toBe(`${all}\n`);
  });

  for (const mtu of [65520, 1500])
    for (const family of [4, 6] as const)
      withNetwork(`many that were sent as one come one by one, both ways, mtu ${mtu}, IPv${family}`, async () => {
        await using server = await segmentEcho(family);
        const program = `
s = datagrams(int(sys.argv[1]), int(sys.argv[2]))
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
for size, length in ((1000, 2500), (1000, 3000), (1000, 1001), (1, 7), (1200, 60000), (1400, 44000), (500, 500)):
    data = os.urandom(length)
    s.setsockopt(17, 103, size)
    s.send(data)
    whole = [data[at:at + size] for at in range(0, length, size)]
    say(size, length, [s.recv(1 << 16) for _ in whole] == whole, [s.recv(1 << 16) for _ in whole] == whole)`;
        const args = ["--net", `slirp:host-loopback,mtu=${mtu}`, ...python(program, server.port, family)];
        const sizes = ["1000 2500", "1000 3000", "1000 1001", "1 7", "1200 60000", "1400 44000", "500 500"];
        expect(await pythonSays(here, args)).toBe(sizes.map((pair) => `${pair} True True\n`).join(""));
      });

  withNetwork("a closed port is ECONNREFUSED", async () => {
    const port = await closedPort("udp");
    const program = `
for family in (4, 6):
    s = datagrams(int(sys.argv[1]), family)
    s.send(b"x")
    say(outcome(lambda: s.recv(1)))`;
    expect(await pythonSays(here, [...SLIRP, ...python(program, port)])).toBe("ECONNREFUSED\nECONNREFUSED\n");
  });

  withNetwork(
    "more flows than there may be: the oldest make room, the newest work, descriptors are bounded",
    async () => {
      await using server = await echo(4);
      const program = `
for i in range(3000):
    s = datagrams(int(sys.argv[1]))
    s.send(b"%d" % i)
    if s.recv(100) != b"%d" % i: say("lost", i)
say("done")
sys.stdin.read()`;
      const child = here.start([...SLIRP, ...python(program, server.port)]);
      const lines = new LineReader(child.stdout);
      expect(await lines.next()).toBe("done");
      expect(readdirSync(`/proc/${child.pid}/fd`).length).toBeLessThan(1100);
      await child.stdin.end();
      expect(await child.exited).toBe(0);
    },
    HANG,
  );

  withNetwork("datagrams that make no sense are dropped, and those after them are not", async () => {
    await using server = await echo(4);
    const program = `
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("tap0", 0))
for i in range(2000):
    kind = (b"\\x08\\x00", b"\\x86\\xdd", b"\\x08\\x06", os.urandom(2))[i % 4]
    junk = os.urandom(i % 200 + 1)
    s.send(bytes.fromhex("52550a000202") + s.getsockname()[4] + kind + (b"\\x45" if i % 4 == 0 else b"\\x60") + junk)
d = datagrams(int(sys.argv[1]))
d.send(b"still there")
say(d.recv(100).decode())`;
    const args = [...SLIRP, "--cap-add", "NET_RAW", ...python(program, server.port)];
    expect(await pythonSays(here, args)).toBe("still there\n");
  });
});

describe("ping", () => {
  for (const [who, address] of [
    ["the gateway", GATEWAY[4]],
    ["the gateway", GATEWAY[6]],
    ["the name server", "10.0.2.3"],
    ["the name server", "fd00::3"],
  ] as const)
    withPing(`of ${who}, ${address}, is answered`, async () => {
      const out = printed(
        await here.run(["--net", "slirp", "--", "ping", "-c", "2", "-i", "0.01", "-W", "20", address]),
      );
      expect(out).toContain("2 packets transmitted, 2 received, 0% packet loss");
    });

  withPing("of 60 KB comes back, in fragments or not", async () => {
    for (const mtu of [65520, 1500]) {
      const args = ["--net", `slirp:mtu=${mtu}`, "--", "ping", "-c", "1", "-W", "20", "-s", "60000", GATEWAY[4]];
      expect(printed(await here.run(args))).toContain("60008 bytes from 10.0.2.2");
    }
  });
});
