// Networks that sandboxes share give a command no power over them: not over the process that keeps one, nor over what is another member's.
import { describe, expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { address, fetched, NamedNetworks, serve } from "../support/named_network.ts";
import { HANG, NO_NETWORK } from "../support/network_inside.ts";
import { udpServer } from "../support/network_servers.ts";
import { eventually } from "../support/processes.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const networks = new NamedNetworks(here);
const withNetwork = testWhere(NO_NETWORK, absent("ip", "ping", "curl"));

describe("power", () => {
  withNetwork("a command on a network has no more of it, and none of its descriptors", async () => {
    await networks.create("power");
    const script = "grep Cap /proc/self/status; ls /proc/self/fd; grep -E 'user|net' /proc/self/mountinfo | wc -l";
    for (const flags of [[], ["--user", "0:0", "--userns", "single"]]) {
      const alone = await here.run(["--net", "slirp", ...flags, "--", "sh", "-c", script]);
      expect(await networks.run("power", [...flags, "--", "sh", "-c", script])).toEqual(alone);
    }
  });

  withNetwork("whoever waits for it has given up all capabilities", async () => {
    await networks.create("waiter");
    await using member = await networks.member("waiter");
    const none = /CapInh:\t0+\nCapPrm:\t0+\nCapEff:\t0+\nCapBnd:\t\w+\nCapAmb:\t0+\n/;
    await eventually(
      () => readFileSync(`/proc/${member.child.pid}/status`, "utf8"),
      (status) => none.test(status),
    );
    expect(readFileSync(`/proc/${member.child.pid}/status`, "utf8")).toMatch(none);
  });

  withNetwork("the socket is not shown inside, and has nothing for strangers", async () => {
    await networks.create("socket");
    const path = join(networks.runtime, "sandbox/networks/socket/socket");
    await using _member = await networks.member("socket");
    expect(existsSync(path)).toBe(true);
    expect(await networks.says("socket", `ls ${networks.runtime} 2>/dev/null | wc -l`)).toBe("0\n");
    const garbage = `
import socket, sys
for message in (b"{", b"[]", b'{"kind":"attach"}', b"\\0", b"\\0\\0", b'{"kind":"join","x":1}' * 9, bytes(200000)):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(sys.argv[1])
    try: s.send(message)
    except OSError: pass
    s.settimeout(20)
    try: print(s.recv(9999)[:17])
    except OSError as error: print(type(error).__name__)`;
    const { stdout } = await here.host(["python3", "-c", garbage, path]);
    expect(new Set(stdout.trim().split("\n"))).toEqual(new Set([`b'{"kind":"refused"'`, "b''"]));
    expect((await networks.inspect("socket")).members).toHaveLength(1);
  });

  withNetwork(
    "a folder that is shown does not show the socket, and a descriptor that leads to it is of no use",
    async () => {
      await networks.create("shown");
      await using _member = await networks.member("shown");
      const inside = join(networks.runtime, "sandbox/networks/shown");
      for (const [source, place] of [
        [here.root, "/mnt/run/sandbox/networks"],
        [networks.runtime, "/mnt/sandbox/networks"],
        [join(networks.runtime, "sandbox"), "/mnt/networks"],
        [inside, "/mnt/socket"],
      ]) {
        const script = `ls ${place} 2>/dev/null | wc -l`;
        expect(await networks.says("shown", script, ["-v", `${source}:/mnt`])).toBe("0\n");
      }
      const dial = `
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect("/proc/self/fd/3/socket")
try: s.send(b'{"kind":"members"}'); print(s.recv(9999))
except OSError as error: print(type(error).__name__)`;
      const words = [networks.program, "run", "--net", "shown", "--preserve-fds", "1", "--", "python3", "-c", dial];
      const { stdout } = await here.host(["sh", "-c", 'exec 3<"$0"; exec "$@"', inside, ...words], networks.options);
      expect(["b''\n", "BrokenPipeError\n", "ConnectionResetError\n"]).toContain(stdout);
      const outside = await here.host(
        ["sh", "-c", 'exec 3<"$0"; exec "$@"', inside, "python3", "-c", dial],
        networks.options,
      );
      expect(outside.stdout).toStartWith(`b'{"kind":"members"`);
    },
  );

  // As root of its own, with everything that it may have there: raw frames of any address.
  const SPOOFER = `
import fcntl, os, socket, struct, sys, threading
own_ip, victim_ip, client_ip, gateway, port = sys.argv[1:6]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("eth0", 0))
own = s.getsockname()[4]
victim, client = own[:5] + b"\\1", own[:5] + b"\\2"
ip = socket.inet_aton
def arp(source, to, op, sender, sender_ip, target, target_ip):
    return to + source + struct.pack("!HHHBBH", 0x806, 1, 0x800, 6, 4, op) + sender + ip(sender_ip) + target + ip(target_ip)
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    return ~((total & 0xffff) + (total >> 16) + (((total & 0xffff) + (total >> 16)) >> 16)) & 0xffff
def udp(source, to, source_ip, target_ip, port, data):
    body = struct.pack("!HHHH", 4000, port, 8 + len(data), 0) + data
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0, ip(source_ip), ip(target_ip))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return to + source + b"\\x08\\0" + head + body
everybody, router = b"\\xff" * 6, bytes.fromhex("52550a000202")
for _ in range(3):
    s.send(arp(own, client, 2, own, victim_ip, client, client_ip))
    s.send(arp(own, everybody, 1, own, victim_ip, bytes(6), victim_ip))
    s.send(arp(victim, everybody, 1, victim, victim_ip, bytes(6), client_ip))
    s.send(udp(own, router, victim_ip, gateway, int(port), b"another's address"))
    s.send(udp(victim, router, victim_ip, gateway, int(port), b"another's both"))
s.send(udp(own, router, own_ip, gateway, int(port), b"its own"))
print("ready", flush=True)
seen = []
def sniff():
    while True:
        frame = s.recv(99999)
        if frame[12:14] == b"\\x08\\0" and frame[30:34] == ip(victim_ip): seen.append(frame)
threading.Thread(target=sniff, daemon=True).start()
sys.stdin.readline()
print(len(seen), flush=True)`;

  withNetwork("of another's address is not to be had: not by ARP, not by the bridge, not at the way out", async () => {
    const { subnet } = await networks.create("spoof", "--host-loopback");
    const came: string[] = [];
    const own = Promise.withResolvers<void>();
    await using server = await udpServer((_, datagram) => {
      came.push(datagram.toString());
      if (came.at(-1) === "its own") own.resolve();
    });
    const [victim, client, spoofer, gateway] = [3, 4, 5, 1].map((host) => address(subnet, host));
    await using _victim = await networks.member("spoof", ["--hostname", "victim"], serve("victim"));
    const script = `echo ready; read x; curl -sS -m 20 http://${victim}/; echo; ip neigh show ${victim}; cat`;
    await using other = await networks.member("spoof", [], script);
    const caps = ["--user", "0:0", "--userns", "single", "--cap-add", "NET_RAW", "--cap-add", "NET_ADMIN"];
    writeFileSync(join(here.dir, "spoofer.py"), SPOOFER);
    const words = [spoofer, victim, client, gateway, String(server.port)].join(" ");
    await using bad = await networks.member("spoof", caps, `python3 spoofer.py ${words}`);
    await own.promise;
    expect(came).toEqual(["its own"]);
    other.child.stdin.write("\n");
    await other.child.stdin.flush();
    expect(await other.out.next()).toBe(`victim ${client}`);
    expect(await other.out.next()).toBe(`${victim} dev eth0 lladdr 02:53:00:00:00:01 PERMANENT `);
    bad.child.stdin.write("\n");
    await bad.child.stdin.flush();
    expect(await bad.out.next()).toBe("0");
  });
});

describe("what a member's root may send", () => {
  const NOISE = `
import os, random, socket, sys
random.seed(7)
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("eth0", 0))
own, router = s.getsockname()[4], bytes.fromhex("52550a000202")
seeds = [
    router + own + b"\\x08\\0" + bytes.fromhex("450000541234400040010000") + socket.inet_aton(sys.argv[1]) + socket.inet_aton(sys.argv[2]) + b"\\x08\\0" + bytes(62),
    router + own + b"\\x08\\0" + bytes.fromhex("4500003c1234400040060000") + socket.inet_aton(sys.argv[1]) + socket.inet_aton("192.0.2.9") + bytes.fromhex("c0000050") + bytes(8) + b"\\xa0\\2" + bytes(24),
    router + own + b"\\x08\\0" + bytes.fromhex("4500003c1234200040110000") + socket.inet_aton(sys.argv[1]) + socket.inet_aton(sys.argv[2]) + bytes.fromhex("c00000350028") + bytes(40),
    router + own + b"\\x86\\xdd" + bytes.fromhex("6000000000203aff") + bytes(64),
    b"\\xff" * 6 + own + b"\\x08\\6" + bytes.fromhex("0001080006040001") + own + socket.inet_aton(sys.argv[1]) + bytes(6) + socket.inet_aton(sys.argv[2]),
]
for _ in range(20000):
    frame = bytearray(random.choice(seeds))
    for _ in range(random.randrange(6)): frame[random.randrange(12, len(frame))] = random.randrange(256)
    frame += os.urandom(random.randrange(3)) * random.randrange(400)
    try: s.send(frame)
    except OSError: pass
print("ready", flush=True)
sys.stdin.readline()`;

  withNetwork(
    "twenty thousand frames of noise end nothing, and the others go on",
    async () => {
      const { subnet } = await networks.create("noise", "--host-loopback");
      using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("in") });
      await using _web = await networks.member("noise", ["--hostname", "web"], serve("page"));
      const supervisors = networks.supervisors();
      const caps = ["--user", "0:0", "--userns", "single", "--cap-add", "NET_RAW"];
      writeFileSync(join(here.dir, "noise.py"), NOISE);
      await using _noise = await networks.member(
        "noise",
        caps,
        `python3 noise.py ${address(subnet, 4)} ${address(subnet, 1)}`,
      );
      const urls = ["http://web/", `http://${address(subnet, 1)}:${server.port}/`];
      expect(await networks.says("noise", fetched(...urls))).toMatch(/^page \S+\nin\n$/);
      expect(networks.supervisors()).toEqual(supervisors);
    },
    HANG,
  );
});
