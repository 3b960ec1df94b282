// A sandbox's own network on a host that has IPv4 alone, IPv6 alone, or both: everything that there is a way for, and a plain error for
// what there is none for. And the names that such a host knows, also when it comes to another network.
import { describe, expect } from "bun:test";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LineReader } from "../support/line_reader.ts";
import { HANG, NO_NETWORK, printed, python, pythonSays } from "../support/network_inside.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";
import { noWorld, OTHER, WORLD, type World, within } from "../support/world.ts";

const here = workspace();
const inWorld = testWhere(NO_NETWORK, noWorld());
const withDig = testWhere(NO_NETWORK, noWorld(), absent("dig"));
const withPing = testWhere(NO_NETWORK, noWorld(), absent("ping"));
const WORLDS = { "IPv4 alone": [4], "IPv6 alone": [6], "both families": [4, 6] } as const;

let worlds = 0;
/** A folder for a world of its own. */
function folder(): string {
  const path = join(here.dir, `world${worlds++}`);
  mkdirSync(path);
  return path;
}

const asked = (path: string): readonly string[] => readFileSync(join(path, "asked"), "utf8").trim().split("\n");

for (const [name, families] of Object.entries(WORLDS))
  describe(`a host with ${name}`, () => {
    const world = (prepare = ""): World => ({ families, folder: folder(), prepare });

    for (const net of ["slirp", "slirp:mtu=1500", ...(name === "IPv6 alone" ? [] : ["slirp:ipv6=off"])]) {
      const inside = net.endsWith("off") ? families.filter((family) => family === 4) : families;

      inWorld(
        `--net ${net}: TCP, UDP, names, and errors where there is no way`,
        async () => {
          const program = `
import threading
def stream(host):
    s, data = socket.create_connection((host, 8000), 20), hashlib.shake_128(host.encode()).digest(2_000_000)
    def send(): s.sendall(data); s.shutdown(socket.SHUT_WR)
    threading.Thread(target=send).start()
    return received(s) == data
def datagrams_of(host, *sizes):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(20)
    s.connect((host, 9000))
    for size in sizes:
        data = os.urandom(size)
        s.send(data)
        if s.recv(1 << 16) != data: return False
    return True
reachable = sys.argv[1].split(",")
for host in reachable:
    say(host, stream(host), datagrams_of(host, 0, 1, 1472, 60_000), outcome(lambda: socket.create_connection((host, 9), 20)))
for host in filter(None, sys.argv[2].split(",")):
    say(host, outcome(lambda: socket.create_connection((host, 8000), 20)))
found = {entry[4][0] for entry in socket.getaddrinfo("peer.test", 8000, type=socket.SOCK_STREAM)}
say(set(reachable) <= found, stream("peer.test"))`;
          const [can, cannot] = [inside, ([4, 6] as const).filter((family) => !inside.some((one) => one === family))];
          const words = [can, cannot].map((some) => some.map((family) => WORLD[family]).join(","));
          const said = await pythonSays(here, ["--net", net, ...python(program, ...words)], { via: within(world()) });
          expect(said.replace(/EHOSTUNREACH/g, "ENETUNREACH")).toBe(
            [
              ...can.map((family) => `${WORLD[family]} True True ECONNREFUSED\n`),
              ...cannot.map((family) => `${WORLD[family]} ENETUNREACH\n`),
              "True True\n",
            ].join(""),
          );
        },
        HANG,
      );
    }

    // The host's ping sockets are for the groups of net.ipv4.ping_group_range, which is the namespace's own.
    withPing(
      "ping beyond the gateway",
      async () => {
        const addresses = families.map((family) => WORLD[family]);
        const script = `for address in ${addresses.join(" ")}; do ping -c 2 -i 0.01 -W 20 $address | grep received; done`;
        const via = within(world("echo 0 0 >/proc/sys/net/ipv4/ping_group_range"));
        const out = await here.inside(script, ["--net", "slirp"], { via });
        expect(out.match(/2 packets transmitted, 2 received, 0% packet loss/g)).toHaveLength(addresses.length);
      },
      HANG,
    );

    for (const family of families)
      inWorld(
        `a published port, IPv${family}`,
        async () => {
          const at = family === 4 ? WORLD[4] : `[${WORLD[6]}]`;
          const client = here.file(
            "client.py",
            `import socket, sys
while True:
    try:
        s = socket.create_connection((sys.argv[1], 7000), 20)
        s.sendall(b"hello")
        s.shutdown(socket.SHUT_WR)
        if s.recv(5, socket.MSG_WAITALL) == b"hello": break
    except OSError: pass
open("client", "w").write("was answered")`,
          );
          const program = `
l = socket.create_server(("", 7000), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    s, _ = l.accept()
    if received(s) == b"hello": break
s.sendall(b"hello")
s.close()
say("served")`;
          const { folder: own, ...rest } = world(`python3 ${client} ${WORLD[family]} & client=$!`);
          const words = within({ ...rest, folder: own });
          // Its end is awaited before the namespace goes.
          const via = words.map((word) => word.replace(/"\$@"$/, `"$@"; wait $client`));
          const args = ["--net", "slirp", "-p", `${at}:7000:7000`, ...python(program)];
          const out = await here.run(args, { via });
          expect([out.code, out.stdout]).toEqual([0, "served\n"]);
          expect(readFileSync(join(own, "client"), "utf8")).toBe("was answered");
        },
        HANG,
      );

    withDig(
      "dig by UDP and TCP, with EDNS and without",
      async () => {
        const path = folder();
        const dig = "dig +time=10 +tries=1";
        const script = `
${dig} +short +noedns mark.test TXT
${dig} +short +tcp mark.test TXT
${dig} +bufsize=4096 large.test TXT | grep -c 'IN.*TXT.*"'
${dig} +noedns large.test TXT | grep -c 'IN.*TXT.*"'
${dig} +bufsize=4096 +ignore large.test TXT | grep -o 'EDNS: version: 0'
${dig} nowhere.test | grep -o 'status: [A-Z]*'`;
        const out = await here.run(["--net", "slirp", "--", "sh", "-c", script], {
          via: within({ families, folder: path }),
        });
        expect(printed(out)).toBe('"first"\n"first"\n15\n15\nEDNS: version: 0\nstatus: NOERROR\n');
        expect(asked(path)).toContain("udp large.test 16 edns");
        // What does not fit is asked for again by TCP, from inside and from here.
        expect(asked(path).filter((line) => line.startsWith("tcp large.test 16"))).not.toEqual([]);
      },
      HANG,
    );
  });

describe("the host's name servers change while the sandbox runs", () => {
  for (const [name, families] of Object.entries(WORLDS))
    for (const how of ["rewritten", "replaced"] as const)
      inWorld(
        `resolv.conf is ${how}: names are asked of the new ones, ${name}`,
        async () => {
          const path = folder();
          const program = `
def mark():
    q = struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"\\x04mark\\x04test\\0\\0\\x10\\0\\1"
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(20)
    s.connect(("10.0.2.3", 53))
    s.send(q)
    a = s.recv(512)
    return a[len(q) + 13:].decode()
say(mark())
sys.stdin.readline()
while mark() == "first": select.select([], [], [], 0.05)
say(mark())`;
          const child = here.start(["--net", "slirp", ...python(program)], { via: within({ families, folder: path }) });
          const lines = new LineReader(child.stdout);
          expect(await lines.next()).toBe("first");
          const file = join(path, "etc/resolv.conf");
          const text = families.map((family) => `nameserver ${OTHER[family]}\n`).join("");
          writeFileSync(how === "rewritten" ? file : `${file}.new`, text);
          if (how === "replaced") renameSync(`${file}.new`, file);
          child.stdin.write("\n");
          child.stdin.flush();
          expect(await lines.next()).toBe("second");
          expect([await child.exited, await new Response(child.stderr).text()]).toEqual([0, ""]);
        },
        HANG,
      );
});
