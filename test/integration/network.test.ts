// A network of a sandbox's own (--net slirp): what it looks like from inside, what of the host can be reached by it and what cannot, and
// that programs people use work in it.
import { describe, expect, test } from "bun:test";
import { networkInterfaces } from "node:os";
import {
  GATEWAY,
  HANG,
  NO_NETWORK,
  noOuterNamespace,
  printed,
  python,
  pythonSays,
  SLIRP,
  within,
} from "../support/network_inside.ts";
import { closedPort, TcpServer, udpServer } from "../support/network_servers.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const withNetwork = testWhere(NO_NETWORK);
const withIp = testWhere(NO_NETWORK, absent("ip"));
const withCurl = testWhere(NO_NETWORK, absent("curl"));
const withIpv6 = testWhere(NO_NETWORK, noIpv6());
const withCurlIpv6 = testWhere(NO_NETWORK, absent("curl"), noIpv6());
const inNamespace = testWhere(noOuterNamespace());

const LOOPBACK_ONLY = "ip link set lo up";
const REFUSED = "ECONNREFUSED\n";

function noIpv6(): string | undefined {
  const all = Object.values(networkInterfaces()).flat();
  return all.some((info) => info?.address === "::1") ? undefined : "the host has no ::1";
}

/** Answers every request with the path, and where it came from by the host's eyes. */
function httpServer(hostname: string) {
  return Bun.serve({
    hostname,
    port: 0,
    fetch: (request, server) => new Response(`${new URL(request.url).pathname} ${server.requestIP(request)?.address}`),
  });
}

describe("from inside", () => {
  withIp("there are lo and tap0, which has an address, a default route and neighbours, of both families", async () => {
    const script = "ip -o link | cut -d: -f2; ip -br addr show tap0; ip route; ip -6 route show default; ip neigh";
    const out = await here.inside(script, ["--net", "slirp"]);
    expect(out.split("\n").slice(0, 2)).toEqual([" lo", " tap0"]);
    expect(out).toMatch(/^tap0 +UNKNOWN +10\.0\.2\.100\/24 fd00::100\/64 $/m);
    expect(out).toMatch(/^default via 10\.0\.2\.2 dev tap0 /m);
    expect(out).toMatch(/^10\.0\.2\.0\/24 dev tap0 .* src 10\.0\.2\.100 /m);
    expect(out).toMatch(/^default via fd00::2 dev tap0 /m);
    for (const neighbour of ["10.0.2.2", "10.0.2.3", "fd00::2", "fd00::3"])
      expect(out).toContain(`${neighbour} dev tap0 lladdr 52:55:0a:00:02:02 PERMANENT`);
  });

  withNetwork("addresses, and the largest packet, are as asked for", async () => {
    const mtu = "cat /sys/class/net/tap0/mtu";
    expect(await here.inside(mtu, ["--net", "slirp"])).toBe("65520\n");
    expect(await here.inside(mtu, ["--net", "slirp:mtu=1500"])).toBe("1500\n");
    const other = ["--net", "slirp:cidr=192.168.7.0/25,ipv6=fd12:3456::/64"];
    const script = "cat /etc/resolv.conf; cut -d' ' -f1,6 /proc/net/if_inet6 | grep tap0 || cat /proc/net/if_inet6";
    const out = await here.inside(script, other);
    expect(out).toStartWith("nameserver 192.168.7.3\nnameserver fd12:3456::3\n");
    expect(out).toContain("fd123456000000000000000000000100");
  });

  withNetwork("with ipv6=off there is no address of IPv6 but lo's, and no way by it", async () => {
    const script = "grep -c . /proc/net/if_inet6; grep -c tap0 /proc/net/if_inet6";
    const { stdout } = await here.run(["--net", "slirp:ipv6=off", "--", "sh", "-c", script]);
    expect(stdout).toBe("1\n0\n");
    const dialled = python(`say(outcome(lambda: socket.create_connection(("2001:db8::1", 9), 20)))`);
    expect(await pythonSays(here, ["--net", "slirp:ipv6=off", ...dialled])).toBe("ENETUNREACH\n");
  });

  withNetwork("names are asked of our own server, and the host has one where its loopback is shown", async () => {
    const files = "cat /etc/resolv.conf; grep host.sandbox.internal /etc/hosts";
    const out = await here.inside(files, SLIRP);
    expect(out).toStartWith("nameserver 10.0.2.3\nnameserver fd00::3\n");
    expect(out).toEndWith("10.0.2.2 host.sandbox.internal\nfd00::2 host.sandbox.internal\n");
    const { code } = await here.run(["--net", "slirp", "--", "sh", "-c", "grep host.sandbox.internal /etc/hosts"]);
    expect(code).toBe(1);
  });

  withNetwork(
    "the device belongs to no one inside: the sandbox has no descriptor of it, and cannot make another",
    async () => {
      const script = `ls -l /proc/self/fd | grep -c tun; : <>/dev/net/tun && echo opened`;
      const { stdout } = await here.run(["--net", "slirp", "--", "sh", "-c", script]);
      expect(stdout).toBe("0\n");
    },
  );
});

describe("a command that is not root", () => {
  withNetwork("binds any port of its own network", async () => {
    const program = `
for kind in (socket.AF_INET, socket.AF_INET6):
    s = socket.socket(kind)
    s.bind(("", 80))
    s.listen()
    say(os.getuid() != 0, s.getsockname()[1])
    s.close()`;
    expect(await pythonSays(here, ["--net", "slirp", ...python(program)])).toBe("True 80\nTrue 80\n");
  });
});

describe("the host's loopback", () => {
  withCurl("is at the gateway's address, and has a name", async () => {
    await using server = httpServer("127.0.0.1");
    for (const name of [GATEWAY[4], "host.sandbox.internal"])
      expect(await here.inside(`curl -sS -4 http://${name}:${server.port}/path`, SLIRP)).toBe("/path 127.0.0.1");
  });

  withCurlIpv6("is there by IPv6 too", async () => {
    await using server = httpServer("::1");
    for (const name of ["[fd00::2]", "host.sandbox.internal"])
      expect(await here.inside(`curl -sS -6 http://${name}:${server.port}/path`, SLIRP)).toBe("/path ::1");
  });

  withNetwork("is not reached at the name server's address", async () => {
    await using server = await TcpServer.start((socket) => socket.end("reached"));
    const program = `
for address in ("10.0.2.3", "fd00::3"): say(outcome(lambda: socket.create_connection((address, int(sys.argv[1])), 20)))`;
    expect(await pythonSays(here, [...SLIRP, ...python(program, server.port)])).toBe(REFUSED.repeat(2));
  });

  for (const family of [4, 6] as const)
    testWhere(NO_NETWORK, family === 6 ? noIpv6() : undefined)(
      `is not to be reached where that was not asked for, by any name of it: IPv${family}`,
      async () => {
        let reached = 0;
        await using tcp = await TcpServer.start((socket) => {
          reached++;
          socket.end("reached");
        }, family);
        await using udp = await udpServer(() => void reached++, family);
        const program = `
tcp, udp = map(int, sys.argv[1:3])
for address in sys.argv[3:]:
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    say(address, outcome(lambda: socket.create_connection((address, tcp), 20).close()))
    def echo():
        s = socket.socket(kind, socket.SOCK_DGRAM)
        s.settimeout(20)
        s.connect((address, udp))
        s.send(b"x")
        s.recv(1)
    say(address, outcome(echo))`;
        const names = ["10.0.2.2", "fd00::2", "127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"];
        const out = await here.run(["--net", "slirp", ...python(program, tcp.port, udp.port, ...names)]);
        expect(out.code).toBe(0);
        const lines = out.stdout.split("\n").filter(Boolean);
        // A datagram is prohibited, which is an error of its own in each family (ip(7), RFC 4443 section 3.1).
        const denied = ["10.0.2.2 ECONNREFUSED", "10.0.2.2 EHOSTUNREACH", "fd00::2 ECONNREFUSED", "fd00::2 EACCES"];
        expect(lines.slice(0, 4)).toEqual(denied);
        expect(lines.slice(4)).toEqual(names.slice(2).flatMap((name) => Array(2).fill(`${name} ECONNREFUSED`)));
        for (const address of [GATEWAY[4], GATEWAY[6]])
          expect(out.stderr).toContain(`Blocked tcp to ${address} port ${tcp.port}: it is the host's own loopback\n`);
        expect(out.stderr).toContain("  --net slirp:host-loopback\n");
        expect(reached).toBe(0);
      },
      HANG,
    );

  // A route of its own would send 127.0.0.0/8 to the device; only packets made by hand show what the other side does with them.
  withNetwork(
    "is not reached by packets for 127.0.0.1 or ::ffff:127.0.0.1 on the wire either",
    async () => {
      let reached = 0;
      await using server = await TcpServer.start(() => void reached++);
      const program = `
def sum16(b):
    total = sum(struct.unpack(">%dH" % (len(b) // 2), b))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def frame(kind, packet): return bytes.fromhex("52550a000202") + own + struct.pack(">H", kind) + packet
def syn(source, destination, port):
    t = struct.pack(">HHIIBBHHH", 40000, port, 1, 0, 0x50, 2, 65535, 0, 0)
    c = sum16(source + destination + struct.pack(">II", len(t), 6) + t)
    return t[:16] + struct.pack(">H", c) + t[18:]
def ip4(source, destination, t):
    h = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(t), 1, 0, 64, 6, 0) + source + destination
    return h[:10] + struct.pack(">H", sum16(h)) + h[12:] + t
def ip6(source, destination, t): return struct.pack(">IHBB", 6 << 28, len(t), 6, 64) + source + destination + t
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.settimeout(20)
s.bind(("tap0", 0))
own = s.getsockname()[4]
port = int(sys.argv[1])
def ask(source, destination):
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    a, b = socket.inet_pton(family, source), socket.inet_pton(family, destination)
    t = syn(a, b, port)
    s.send(frame(0x800, ip4(a, b, t)) if len(a) == 4 else frame(0x86dd, ip6(a, b, t)))
    while True:
        back = s.recv(2048)
        start = 26 if len(a) == 4 else 22
        if back[6:12] == bytes.fromhex("52550a000202") and back[start:start + len(a)] == b:
            return "RST" if back[14 + (20 if len(a) == 4 else 40) + 13] & 4 else "answered"
for destination in sys.argv[2:]:
    say(ask("fd00::100" if ":" in destination else "10.0.2.100", destination))`;
      const targets = ["127.0.0.1", "0.0.0.0", "127.255.255.254", "::1", "::", "::ffff:127.0.0.1", "::127.0.0.1"];
      const args = ["--net", "slirp", "--cap-add", "NET_RAW", ...python(program, server.port, ...targets)];
      expect((await here.run(args)).stdout).toBe("RST\n".repeat(targets.length));
      expect(reached).toBe(0);
    },
    HANG,
  );
});

describe("what cannot be reached fails at once", () => {
  withCurl("a closed port is refused, and curl says so", async () => {
    const port = await closedPort("tcp");
    const { code, stderr } = await here.run([...SLIRP, "--", "curl", "-sS", `http://${GATEWAY[4]}:${port}/`]);
    expect([code, stderr]).toEqual([7, expect.stringContaining("connect")]);
  });

  withIpv6("a closed port is ECONNREFUSED in both families", async () => {
    const port = await closedPort("tcp");
    const program = `for f in (4, 6): say(outcome(lambda: dial(int(sys.argv[1]), f)))`;
    expect(await pythonSays(here, [...SLIRP, ...python(program, port)])).toBe(REFUSED.repeat(2));
  });

  inNamespace("where the host has no route, there is none inside", async () => {
    const program = `
for address in ("203.0.113.1", "2001:db8::1"):
    say(outcome(lambda: socket.create_connection((address, 80), 40)))
    def datagram():
        s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(20)
        # IP_RECVERR, IPV6_RECVERR: what a router says is of no account to a datagram socket that does not ask for it (ip(7)).
        s.setsockopt(*((socket.IPPROTO_IPV6, 25, 1) if ":" in address else (socket.IPPROTO_IP, 11, 1)))
        s.connect((address, 80))
        s.send(b"x")
        s.recv(1)
    say(outcome(datagram))`;
    const out = await here.run([...SLIRP, ...python(program)], { via: within(LOOPBACK_ONLY) });
    expect(printed(out)).toBe("ENETUNREACH\n".repeat(4));
  });

  inNamespace("a host without IPv6 has no way by it, and all of IPv4", async () => {
    const prepare = `${LOOPBACK_ONLY}; for i in all default lo; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done`;
    const listen = `l = socket.create_server(("127.0.0.1", 0)); l.set_inheritable(True)`;
    const program = `say(outcome(lambda: dial(int(sys.argv[1]))), outcome(lambda: dial(9, 6)))`;
    const serve = `import os, socket, sys; ${listen}; os.fork() or l.accept() and os._exit(0); os.execvp(sys.argv[1], sys.argv[1:] + [str(l.getsockname()[1])])`;
    const out = await here.run([...SLIRP, ...python(program)], { via: [...within(prepare), "python3", "-c", serve] });
    expect(printed(out)).toMatch(/^done E(NET|HOST)UNREACH$/m);
  });
});

describe("options that make no sense", () => {
  test.each([
    ["slirp:bogus", "slirp has no option bogus"],
    ["fast:bogus", "fast has no option bogus"],
    ["slirp:mtu=12", "mtu is a number from 1280 to 65520"],
    ["slirp:mtu=70000", "mtu is a number from 1280 to 65520"],
    ["slirp:mtu=1500,mtu=1500", "mtu is given twice"],
    ["slirp:cidr=10.0.2.0/30", "10.0.2.0/30 is too small"],
    ["slirp:cidr=10.0.2", "10.0.2 is no IPv4 network"],
    ["slirp:ipv6=10.0.0.0/24", "10.0.0.0/24 is no IPv6 network"],
    ["slirp:host-loopback=maybe", "host-loopback is on or off"],
    ["none:mtu=1500", "none takes no options"],
    ["slurp", "there is no network slurp"],
  ])("--net %s: nothing is started", async (net, cause) => {
    const { code, stdout, stderr } = await here.run(["--net", net, "--", "echo", "started"]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toStartWith(`sandbox: Cannot use --net ${net}: ${cause}`);
    expect(stderr).toContain("\n  give none, host, slirp or fast (the last two with options: ");
  });
});

describe("without the device", () => {
  inNamespace("that is not there, the way to get it is told", async () => {
    const via = within("mount -t tmpfs none /dev/net");
    const { code, stdout, stderr } = await here.run(["--net", "slirp", "--", "echo", "started"], { via });
    expect([code, stdout]).toEqual([125, ""]);
    expect(stderr).toContain("/dev/net/tun");
    expect(stderr).toContain("sudo modprobe tun");
    expect(stderr).toContain("--net none");
  });

  inNamespace("that may not be opened, the way to allow it is told", async () => {
    // A file of another's in its place, which is root of the host's own.
    const via = within("mount --bind /etc/shadow /dev/net/tun");
    const { code, stdout, stderr } = await here.run(["--net", "slirp", "--", "echo", "started"], { via });
    expect([code, stdout]).toEqual([125, ""]);
    expect(stderr).toContain("this user may not open it");
    expect(stderr).toContain("sudo chmod 666 /dev/net/tun");
  });

  inNamespace("other networks do not need it", async () => {
    const via = within("mount -t tmpfs none /dev/net");
    for (const net of ["none", "host"])
      expect(printed(await here.run(["--net", net, "--", "echo", "started"], { via }))).toBe("started\n");
  });
});
