// Networks that sandboxes share begin with the first sandbox and end with the last, however that ends; and what cannot be is said.
import { describe, expect } from "bun:test";
import { existsSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { address, fetched, NamedNetworks, serve } from "../support/named_network.ts";
import { NO_NETWORK, noOuterNamespace, within } from "../support/network_inside.ts";
import { gone, stateOf, withDescendants } from "../support/processes.ts";
import { absent, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const networks = new NamedNetworks(here);
const withNetwork = testWhere(NO_NETWORK, absent("ip", "ping", "curl"));
const inNamespace = testWhere(noOuterNamespace());

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
    const alias = await networks.run("taken", ["--network-alias", "host.sandbox.internal", "--", "true"]);
    expect(alias.code).toBe(2);
    expect((await here.run(["--net", "slirp", "--network-alias", "x", "--", "true"])).code).toBe(2);
  });

  withNetwork("a folder for its socket that others may write to", async () => {
    const open = here.folder(join(here.root, "open"));
    const folder = here.folder(join(open, "sandbox"));
    Bun.spawnSync(["chmod", "777", folder]);
    const options = { env: { XDG_RUNTIME_DIR: open } };
    const { code, stderr } = await here.run(["--net", "taken", "--", "true"], options);
    expect(code).toBe(125);
    expect(stderr).toContain(`Cannot keep the state of sandboxes in ${folder}: others may look into it (mode 777)`);
  });
});
