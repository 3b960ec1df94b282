// Networks that sandboxes share: members reach each other and the world, others reach none of them, and with the last one all is gone.
import { describe, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { HANG, NO_NETWORK, noOuterNamespace, within } from "../support/network_inside.ts";
import { udpServer } from "../support/network_servers.ts";
import { eventually, gone, stateOf, withDescendants } from "../support/processes.ts";
import { SharedNetworks } from "../support/shared_network.ts";
import { absent, noIdRange, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const networks = new SharedNetworks(here);
const withNetwork = testWhere(NO_NETWORK, absent("ip", "ping", "curl"));
const withIpv6 = testWhere(NO_NETWORK, absent("ip", "ping", "curl"), noIpv6());
const inNamespace = testWhere(noOuterNamespace());
const withRange = testWhere(NO_NETWORK, noIdRange());

function noIpv6(): string | undefined {
  const all = Object.values(networkInterfaces()).flat();
  return all.some((info) => info?.address === "::1") ? undefined : "the host has no ::1";
}

/** Serves a page of its own at port 80, of both families. */
const SERVER = `
import http.server, socket, sys
class Server(http.server.ThreadingHTTPServer): address_family = socket.AF_INET6
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (sys.argv[1] + " " + self.client_address[0].replace("::ffff:", "")).encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *words): pass
server = Server(("::", 80), Page)
print("ready", flush=True)
server.serve_forever()`;
const serve = (page: string): string => `python3 -c '${SERVER}' ${page} & cat; kill $!`;
const fetched = (...urls: readonly string[]): string => urls.map((url) => `curl -sS -m 20 '${url}'; echo`).join("; ");
const address = (prefix: string | null, host: number): string =>
  prefix?.includes(":")
    ? prefix.replace(/::\/\d+$/, `::${host.toString(16)}`)
    : (prefix ?? "").replace(/0\/\d+$/, `${host}`);

function answering(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

describe("members", () => {
  withNetwork(
    "have one link, with an address and a way out of each family, and neighbours that nobody can change",
    async () => {
      const { subnet, ipv6 } = await networks.create("link");
      const out = await networks.says(
        "link",
        "ip -o link | cut -d: -f2; ip -br addr show eth0; ip route; ip -6 route; ip neigh",
      );
      expect(out).toMatch(/^ lo\n eth0@/);
      expect(out).toContain(` ${address(subnet, 3)}/24 ${address(ipv6, 3)}/64 \n`);
      expect(out).toContain(`default via ${address(subnet, 1)} dev eth0 `);
      expect(out).toContain(`default via ${address(ipv6, 1)} dev eth0 `);
      for (const host of [1, 2])
        for (const prefix of [subnet, ipv6])
          expect(out).toContain(`${address(prefix, host)} dev eth0 lladdr 52:55:0a:00:02:02 PERMANENT`);
      const settings = [
        "ipv6/conf/eth0/accept_ra",
        "ipv6/conf/eth0/accept_redirects",
        "ipv4/conf/eth0/accept_redirects",
      ];
      expect(await networks.says("link", settings.map((name) => `cat /proc/sys/net/${name}`).join("; "))).toBe(
        "0\n0\n0\n",
      );
    },
  );

  withNetwork("reach each other by address and by name, in both families", async () => {
    const { subnet, ipv6 } = await networks.create("pair");
    await using _server = await networks.member("pair", ["--hostname", "web", "--network-alias", "Www"], serve("page"));
    const urls = [address(subnet, 3), `[${address(ipv6, 3)}]`, "web", "web.pair", "www"].map(
      (host) => `http://${host}/`,
    );
    const [four, six] = [address(subnet, 4), address(ipv6, 4)];
    expect(await networks.says("pair", fetched(...urls))).toMatch(
      new RegExp(`^page ${four}\npage ${six}\n(page (${four}|${six})\n){3}$`),
    );
    const pings = `ping -q -c1 -W5 web >&2; ping -q -4 -c1 -W5 web; ping -q -6 -c1 -W5 web.pair`;
    const { code, stdout } = await networks.run("pair", ["--", "sh", "-ec", pings]);
    expect(code).toBe(0);
    expect(stdout.match(/1 received/g)).toHaveLength(2);
    expect(await networks.says("pair", `getent hosts ${address(subnet, 3)} | tr -s ' '`)).toBe(
      `${address(subnet, 3)} web\n`,
    );
    expect(
      await networks.says("pair", "getent ahosts me | cut -d' ' -f1 | sort -u | wc -l", ["--hostname", "me"]),
    ).toBe("2\n");
  });

  withNetwork("are forgotten when they have gone, by name and as neighbours", async () => {
    await networks.create("gone");
    const server = await networks.member("gone", ["--hostname", "brief"]);
    const script = "echo ready; read x; getent hosts brief; echo $?; ip -4 neigh | wc -l; echo end; cat";
    await using client = await networks.member("gone", [], script);
    expect(await server.end()).toBe(0);
    const members = await eventually(
      () => networks.inspect("gone"),
      () => true,
    );
    expect((await members).members).toHaveLength(1);
    client.child.stdin.write("\n");
    await client.child.stdin.flush();
    expect(await client.out.until("end")).toEqual(["2", "2", "end"]);
  });

  withNetwork("of other networks are not reached", async () => {
    const { subnet } = await networks.create("mine");
    await networks.create("other");
    await using _server = await networks.member("mine", ["--hostname", "secret"], serve("page"));
    // Whatever the host's own network has to say for that address: it is not the member.
    const url = `http://${address(subnet, 3)}/`;
    const script = `curl -sS -m 3 ${url}; getent hosts secret || echo unknown; getent hosts secret.mine || echo unknown`;
    const { stdout } = await networks.run("other", ["--", "sh", "-c", script]);
    expect(stdout).not.toContain("page");
    expect(stdout).toEndWith("unknown\nunknown\n");
    const alone = await here.run(["--net", "slirp", "--", "curl", "-sS", "-m", "3", url]);
    expect(alone.stdout).not.toContain("page");
  });

  withNetwork(
    "can be many: twenty that come at once all reach each other, and go at once",
    async () => {
      await networks.create("crowd");
      const names = Array.from({ length: 20 }, (_, i) => `m${i}`);
      const members = await Promise.all(names.map((name) => networks.member("crowd", ["--hostname", name])));
      expect(networks.supervisors()).toHaveLength(1);
      const { members: shown } = await networks.inspect("crowd");
      expect(shown.flatMap((member) => member.names).sort()).toEqual([...names].sort());
      expect(new Set(shown.map(({ ipv4 }) => ipv4)).size).toBe(20);
      const pings = names.map((name) => `ping -q -4 -c1 -W10 ${name} >/dev/null && echo ${name}`).join("; ");
      expect(await networks.says("crowd", pings)).toBe(`${names.join("\n")}\n`);
      const supervisors = networks.supervisors();
      expect(await Promise.all(members.map((member) => member.end()))).toEqual(names.map(() => 0));
      expect(networks.remaining(supervisors)).toEqual([]);
    },
    HANG,
  );

  withRange("have a range of ids as on any other network", async () => {
    await networks.create("range");
    const map = "cat /proc/self/uid_map | tr -s ' '";
    const [inside, alone] = await Promise.all([
      networks.says("range", map, ["--userns", "range"]),
      here.inside(map, ["--userns", "range"]),
    ]);
    expect(inside).toBe(alone);
    expect(inside.trim().split("\n").length).toBeGreaterThan(1);
  });

  for (const [family, flags] of [
    ["IPv4", ["--ipv6", "off"]],
    ["IPv6", ["--subnet", "off"]],
  ] as const)
    withIpv6(`work with ${family} alone`, async () => {
      const name = `only${family.toLowerCase()}`;
      const { subnet, ipv6 } = await networks.create(name, "--host-loopback", ...flags);
      expect([subnet, ipv6].filter((prefix) => prefix === null)).toHaveLength(1);
      await using _server = await networks.member(name, ["--hostname", "web"], serve("page"));
      using host = Bun.serve({
        hostname: family === "IPv4" ? "127.0.0.1" : "::1",
        port: 0,
        fetch: () => new Response("host"),
      });
      const own = address(subnet ?? ipv6, 4);
      const out = await networks.says(name, fetched("http://web/", `http://host.sandbox.internal:${host.port}/`));
      expect(out).toBe(`page ${own}\nhost\n`);
    });
});

describe("the way out", () => {
  withIpv6("leads to the host, in both families, where the network was made to", async () => {
    const { subnet, ipv6 } = await networks.create("out", "--host-loopback");
    using four = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("four") });
    using six = Bun.serve({ hostname: "::1", port: 0, fetch: () => new Response("six") });
    const urls = [
      `http://${address(subnet, 1)}:${four.port}/`,
      `http://[${address(ipv6, 1)}]:${six.port}/`,
      `http://host.sandbox.internal:${four.port}/`,
    ];
    expect(await networks.says("out", fetched(...urls))).toBe("four\nsix\nfour\n");
    await networks.create("closed");
    const { subnet: closed } = await networks.inspect("closed");
    const { stdout } = await networks.run("closed", [
      "--",
      "sh",
      "-c",
      `curl -s -m 9 http://${address(closed, 1)}:${four.port}/; echo $?`,
    ]);
    expect(stdout).toBe("7\n");
  });

  withNetwork("is a megabyte wide, both ways, and what a member sent last arrives", async () => {
    const { subnet } = await networks.create("wide", "--host-loopback");
    const received = Promise.withResolvers<number>();
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      maxRequestBodySize: 1 << 28,
      async fetch(request) {
        if (request.method === "GET") return new Response(new Uint8Array(50_000_000));
        received.resolve((await request.arrayBuffer()).byteLength);
        return new Response("");
      },
    });
    const url = `http://${address(subnet, 1)}:${server.port}/`;
    const script = `curl -sS ${url} | wc -c; head -c 50000000 /dev/zero | curl -sS -X PUT --data-binary @- ${url}`;
    expect(await networks.says("wide", script)).toBe("50000000\n");
    expect(await received.promise).toBe(50_000_000);
  });

  withNetwork("has rules for each member, which are told to it alone, and speak of nobody else's", async () => {
    const { subnet } = await networks.create("ruled", "--host-loopback");
    using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("in") });
    await using _web = await networks.member("ruled", ["--hostname", "web"], serve("page"));
    const url = `http://${address(subnet, 1)}:${server.port}/`;
    const script = `curl -s -m 20 ${url}; echo $?; curl -s -m 20 -o /dev/null http://web/; echo $?`;
    const denied = await networks.run("ruled", ["--allow-net", "192.0.2.7", "--", "sh", "-c", script]);
    expect(denied.stdout).toBe("7\n0\n");
    expect(denied.stderr).toContain(`(${address(subnet, 1)}) port ${server.port}: no rule allows it`);
    const free = await networks.run("ruled", ["--", "sh", "-c", script]);
    expect(free).toEqual({ code: 0, stdout: "in0\n0\n", stderr: "" });
    const log = here.file("flows.jsonl");
    expect((await networks.run("ruled", ["--net-log", log, "--", "curl", "-sS", url])).code).toBe(0);
    const entries = await eventually(
      () => readFileSync(log, "utf8"),
      (text) => text.endsWith("\n"),
    );
    expect(JSON.parse(entries.split("\n")[0] ?? "")).toMatchObject({ address: address(subnet, 1), port: server.port });
  });

  withNetwork("is none where the network is internal; members and names are there", async () => {
    const { subnet } = await networks.create("inner", "--internal");
    using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("in") });
    await using _web = await networks.member("inner", ["--hostname", "web"], serve("page"));
    const script = [
      fetched(`http://${address(subnet, 3)}/`, "http://web/"),
      `curl -s -m 9 http://${address(subnet, 1)}:${server.port}/; echo $?`,
      "curl -s -m 9 http://192.0.2.1/; echo $?",
      "getent hosts example.com; echo $?",
    ].join("; ");
    const { stdout } = await networks.run("inner", ["--", "sh", "-c", script]);
    expect(stdout).toMatch(new RegExp(`^page ${address(subnet, 4)}\npage \\S+\n7\n7\n2\n$`));
    const published = await networks.run("inner", ["-p", "127.0.0.1:0:80", "--", "true"]);
    expect(published.code).not.toBe(0);
    expect((await networks.run("inner", ["--allow-net", "192.0.2.1", "--", "true"])).code).toBe(2);
  });

  withNetwork("comes in by published ports, each member's own, until it goes", async () => {
    await networks.create("ports");
    await using one = await networks.member("ports", ["-p", "80"], serve("one"));
    await using two = await networks.member("ports", ["-p", "80"], serve("two"));
    const portOf = async ({ err }: typeof one): Promise<number> =>
      Number(/^sandbox: published 127\.0\.0\.1:(\d+) -> 80\/tcp$/.exec((await err.next()) ?? "")?.[1]);
    const [first, second] = [await portOf(one), await portOf(two)];
    const page = async (port: number): Promise<string> =>
      (await (await fetch(`http://127.0.0.1:${port}/`)).text()).split(" ")[0] ?? "";
    expect([await page(first), await page(second)]).toEqual(["one", "two"]);
    one.child.kill("SIGKILL");
    await one.child.exited;
    while (await answering(first)) await new Promise(setImmediate);
    expect(await page(second)).toBe("two");
    const taken = await networks.run("ports", ["-p", `127.0.0.1:${second}:80`, "--", "true"]);
    expect(taken.code).toBe(125);
    expect(taken.stderr).toContain(`Cannot publish 80/tcp at 127.0.0.1:${second}`);
  });
});

describe("its life", () => {
  const namespacesOf = (pid: number): readonly string[] => {
    const links = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    return [readlinkSync(`/proc/${pid}/ns/user`), ...links.filter((link) => /^(net|user):/.test(link))];
  };
  const inUse = (namespace: string): boolean =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && stateOf(Number(name)) !== "Z")
      .some((pid) => ["user", "net"].some((type) => linkOf(`/proc/${pid}/ns/${type}`) === namespace));
  const linkOf = (path: string): string => {
    try {
      return readlinkSync(path);
    } catch {
      return "";
    }
  };

  withNetwork("begins with the first member and ends with the last, namespaces and files and all", async () => {
    await networks.create("life");
    const folder = join(networks.runtime, "sandbox/networks/life");
    expect(networks.supervisors()).toEqual([]);
    const [one, two] = [await networks.member("life"), await networks.member("life")];
    const [supervisor = 0] = networks.supervisors();
    const namespaces = namespacesOf(supervisor);
    expect(namespaces.length).toBeGreaterThan(1);
    expect(await one.end()).toBe(0);
    expect((await networks.inspect("life")).members).toHaveLength(1);
    expect(networks.supervisors()).toEqual([supervisor]);
    expect(await two.end()).toBe(0);
    expect(networks.remaining([supervisor])).toEqual([]);
    expect(namespaces.filter(inUse)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  withNetwork("a member that is killed leaves nothing", async () => {
    await networks.create("killed");
    await using member = await networks.member("killed", [], "sleep 1000 & echo ready; cat");
    const [supervisor = 0] = networks.supervisors();
    const family = withDescendants(member.child.pid);
    member.child.kill("SIGKILL");
    expect(family.filter((pid) => !gone(pid))).toEqual([]);
    expect(networks.remaining([supervisor])).toEqual([]);
    expect(await networks.says("killed", "echo again")).toBe("again\n");
  });

  withNetwork(
    "a supervisor that is killed leaves its members without a network, and the next one begins anew",
    async () => {
      await networks.create("orphan");
      const script = "echo ready; read x; while [ -e /sys/class/net/eth0 ]; do :; done; echo none; cat";
      await using member = await networks.member("orphan", [], script);
      const [supervisor = 0] = networks.supervisors();
      process.kill(supervisor, "SIGKILL");
      expect(gone(supervisor)).toBe(true);
      member.child.stdin.write("\n");
      await member.child.stdin.flush();
      expect(await member.out.next()).toBe("none");
      expect((await networks.inspect("orphan")).members).toEqual([]);
      await using _web = await networks.member("orphan", ["--hostname", "web"], serve("page"));
      expect(await networks.says("orphan", fetched("http://web/"))).toStartWith("page ");
      expect(await member.end()).toBe(0);
    },
  );

  withNetwork("is not ended by rm, but by rm -f, which leaves its members without a network", async () => {
    await networks.create("kept");
    await using member = await networks.member("kept");
    const refused = await networks.network("rm", "kept");
    expect(refused.code).toBe(125);
    expect(refused.stderr).toContain("a sandbox is on it");
    const supervisors = networks.supervisors();
    expect(await networks.network("rm", "-f", "kept")).toEqual({ code: 0, stdout: "kept\n", stderr: "" });
    expect(networks.remaining(supervisors)).toEqual([]);
    expect((await networks.network("inspect", "kept")).code).toBe(125);
    expect(await member.end()).toBe(0);
  });

  withNetwork("many that come and go at once meet one supervisor, or the next", async () => {
    await networks.create("churn");
    const runs = Array.from({ length: 12 }, () => networks.says("churn", "echo x"));
    expect(await Promise.all(runs)).toEqual(runs.map(() => "x\n"));
    expect(networks.remaining()).toEqual([]);
  });

  withNetwork("a command that does not start, or a line that makes no sense, leaves nothing of it", async () => {
    await networks.create("none-left");
    expect((await networks.run("none-left", ["--", "/nowhere"])).code).toBe(127);
    expect((await networks.run("none-left", ["-v", "/nowhere:/x", "--", "true"])).code).toBe(125);
    expect((await networks.run("none-left", ["--hostname", "-", "--", "true"])).code).toBe(2);
    expect((await networks.run("none-left", ["--allow-net", "a b", "--", "true"])).code).toBe(2);
    expect(networks.remaining()).toEqual([]);
  });
});

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

describe("from elsewhere", () => {
  inNamespace("in a namespace of the caller's, root there has networks of its own", async () => {
    const { subnet } = await networks.create("outer");
    const via = within("ip link set lo up");
    const options = { env: { XDG_RUNTIME_DIR: here.folder(join(here.root, "outer")) }, via };
    const { code, stdout } = await here.run(["--net", "outer", "--", "ping", "-q", "-c1", address(subnet, 1)], options);
    expect([code, stdout.includes("1 received") || stdout]).toEqual([0, true]);
  });

  inNamespace("one that was brought up outside is not entered from there, which is said", async () => {
    await networks.create("above");
    await using _member = await networks.member("above");
    const via = within("ip link set lo up");
    const { code, stderr } = await here.run(["--net", "above", "--", "true"], { ...networks.options, via });
    expect(code).toBe(125);
    expect(stderr).toStartWith("sandbox: Cannot enter the user namespace: ");
    expect((await networks.inspect("above")).members).toHaveLength(1);
  });

  inNamespace("without the device, the way to get it is told, and nothing stays", async () => {
    await networks.create("untunned");
    const via = within("mount -t tmpfs none /dev/net");
    const { code, stdout, stderr } = await here.run(["--net", "untunned", "--", "echo", "x"], {
      ...networks.options,
      via,
    });
    expect([code, stdout]).toEqual([125, ""]);
    expect(stderr).toContain("Cannot join the network untunned: the network device cannot be made");
    expect(stderr).toContain("sudo modprobe tun");
    expect(networks.remaining()).toEqual([]);
    expect(existsSync(join(networks.runtime, "sandbox/networks/untunned"))).toBe(false);
  });
});

describe("what cannot be", () => {
  for (const [what, words, code, said] of [
    ["a name that means something else", ["create", "host"], 2, "--net host means something else"],
    ["a name that is none", ["create", "Big"], 2, "it takes lower case letters"],
    ["no addresses", ["create", "--subnet", "off", "--ipv6", "off", "x"], 2, "it would have no addresses"],
    ["a network that is none", ["create", "--subnet", "10.0.0.0", "x"], 2, "it is no IPv4 network"],
    ["one of the other family", ["create", "--subnet", "fd00::/64", "x"], 2, "it is no IPv4 network"],
    ["one that is too small", ["create", "--subnet", "10.0.0.0/30", "x"], 2, "it is too small"],
    ["loopback's", ["create", "--subnet", "127.0.0.0/24", "x"], 2, "not for machines"],
    ["an mtu that is none", ["create", "--mtu", "100", "x"], 2, "it is no number from 1280 to 65520"],
    ["a contradiction", ["create", "--internal", "--host-loopback", "x"], 2, "drop one of the two"],
    ["one that is not there", ["rm", "nowhere"], 125, "there is no such network"],
    ["nor is to be seen", ["inspect", "nowhere"], 125, "there is no such network"],
    ["a path", ["rm", "../x"], 125, "there is no such network"],
  ] as const)
    withNetwork(`${what}: sandbox network ${words.join(" ")}`, async () => {
      const { code: exited, stdout, stderr } = await networks.network(...words);
      expect({ exited, stdout }).toEqual({ exited: code, stdout: "" });
      expect(stderr).toContain(said);
    });

  withNetwork("a name that is taken, addresses that are, and a file that says nothing", async () => {
    const { subnet } = await networks.create("taken");
    expect((await networks.network("create", "taken")).stderr).toContain("there is a network of that name");
    const overlapping = await networks.network("create", "--subnet", subnet ?? "", "again");
    expect(overlapping.code).toBe(125);
    expect(overlapping.stderr).toContain(`${subnet} overlaps ${subnet} of the network taken`);
    expect(existsSync(join(here.data, "sandbox/networks/again.json"))).toBe(false);
    writeFileSync(join(here.data, "sandbox/networks/broken.json"), '{"ipv4": 7}');
    const broken = await networks.run("broken", ["--", "true"]);
    expect(broken.code).toBe(125);
    expect(broken.stderr).toContain("does not say what it is");
    expect((await networks.network("rm", "broken")).code).toBe(0);
  });

  withNetwork("a network that is not there, and flags that do not go with one", async () => {
    const missing = await networks.run("takn", ["--", "true"]);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("there is no network takn");
    expect(missing.stderr).toContain("did you mean taken?");
    expect((await networks.run("taken", ["--listen", "tcp:127.0.0.1:0", "--", "true"])).code).toBe(2);
    expect((await networks.run("taken", ["--net-log", "-", "--", "true"])).code).toBe(2);
    expect((await here.run(["--net", "slirp", "--network-alias", "x", "--", "true"])).code).toBe(2);
  });

  withNetwork("a folder for its socket that others may write to", async () => {
    const open = here.folder(join(here.root, "open"));
    const folder = here.folder(join(open, "sandbox"));
    Bun.spawnSync(["chmod", "777", folder]);
    const options = { env: { XDG_RUNTIME_DIR: open } };
    const { code, stderr } = await here.run(["--net", "taken", "--", "true"], options);
    expect(code).toBe(125);
    expect(stderr).toContain("is not yours alone");
  });
});
