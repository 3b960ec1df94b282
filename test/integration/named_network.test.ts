// Networks that sandboxes share: members reach each other and the world, and others reach none of them.
import { describe, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { address, fetched, NamedNetworks, serve } from "../support/named_network.ts";
import { HANG, NO_NETWORK } from "../support/network_inside.ts";
import { eventually } from "../support/processes.ts";
import { absent, noIdRange, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const networks = new NamedNetworks(here);
const withNetwork = testWhere(NO_NETWORK, absent("ip", "ping", "curl"));
const withIpv6 = testWhere(NO_NETWORK, absent("ip", "ping", "curl"), noIpv6());
const withRange = testWhere(NO_NETWORK, noIdRange());

function noIpv6(): string | undefined {
  const all = Object.values(networkInterfaces()).flat();
  return all.some((info) => info?.address === "::1") ? undefined : "the host has no ::1";
}

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
