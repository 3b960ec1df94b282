import { describe, expect, test } from "bun:test";
import { showStep } from "../../../src/cli/explain.ts";
import { folderRootfs } from "../../../src/cli/run_spec.ts";
import { type Plan, plan } from "../../../src/plan/plan.ts";
import type { ExecInputs } from "../../../src/plan/plan_process.ts";
import { build, HOST, IMAGE } from "../support_spec.ts";

const INPUTS: ExecInputs = {
  statusFd: 10,
  releaseFd: 11,
  parentOnly: [20, 21],
  startedAddress: 4096,
  initFd: 12,
  terminalFd: 13,
  networkFd: 14,
  filters: [new Uint8Array(16)],
  candidates: ["/usr/bin/true", "/bin/true"],
};

function planned(argv: readonly string[], rootfs = HOST): Plan {
  const { spec, directories } = build(argv, rootfs);
  return plan(spec, { directories, uid: 1000, gid: 1000 }, INPUTS);
}
const lines = (made: Plan): readonly string[] => made.steps.map(showStep);
const indexOf = (list: readonly string[], part: string): number => list.findIndex((line) => line.includes(part));

describe("a network that connections may bypass", () => {
  const { spec, directories } = build(["--net", "fast", "true"], HOST);
  const inputs = { ...INPUTS, connectFilter: new Uint8Array(24) };
  const list = lines(plan(spec, { directories, uid: 1000, gid: 1000 }, inputs));

  test("connections are denied before a filter is installed, and the listener goes out before PID 1 is executed", () => {
    const order = [
      "PR_SET_NO_NEW_PRIVS",
      "landlock_restrict_self",
      "seccomp(SECCOMP_SET_MODE_FILTER, 0,",
      "listener = seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, {3 instructions})",
      "{SCM_RIGHTS [listener]}",
      "execveat",
    ];
    const places = order.map((part) => indexOf(list, part));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places.every((place) => place >= 0)).toBe(true);
  });

  test("of slirp there is none of it", () => {
    expect(lines(planned(["--net", "slirp", "true"])).filter((line) => /landlock|listener/.test(line))).toEqual([]);
  });
});

describe("the order of a plan", () => {
  const list = lines(planned(["true"]));

  test("the supervisor's ends are closed before anything else, so that its death is seen", () => {
    expect(list.slice(0, 2)).toEqual(["close(20)", "close(21)"]);
  });

  test("ids come before mounts, mounts before the pivot, the pivot before capabilities go", () => {
    const order = [
      "/proc/self/uid_map",
      "fsopen",
      "pivot_root",
      "bound(",
      "capset",
      "PR_SET_NO_NEW_PRIVS",
      "seccomp(",
      "execveat",
    ];
    const places = order.map((part) => indexOf(list, part));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places.every((place) => place >= 0)).toBe(true);
  });

  test("the parent-death signal is set after the last change of credentials, and then the supervisor is written to", () => {
    const death = indexOf(list, "PR_SET_PDEATHSIG");
    expect(death).toBeGreaterThan(list.findLastIndex((line) => /setresuid|capset|PR_CAP_AMBIENT/.test(line)));
    expect(list.slice(death + 1, death + 3)).toEqual(["store(&started, 1)", "write(status, ready, 4)"]);
  });

  test("the old root and the scratch are both detached", () => {
    expect(list.filter((line) => line === 'umount2(".", MNT_DETACH)')).toHaveLength(2);
  });

  test("nothing but PID 1 is executed", () => {
    expect(list.filter((line) => /^(\w+ = )?exec/.test(line))).toHaveLength(1);
    expect(list.at(-1)).toStartWith('execveat(init, "", ["sandbox-init","10 0 2","/usr/bin/true","/bin/true","true"]');
  });
});

describe("namespaces", () => {
  test("the user namespace is first, and the network's is left out with --net host", () => {
    expect(planned(["true"]).cloneFlags).toEqual([
      "CLONE_NEWUSER",
      "CLONE_NEWPID",
      "CLONE_NEWNS",
      "CLONE_NEWUTS",
      "CLONE_NEWIPC",
      "CLONE_NEWCGROUP",
    ]);
    expect(lines(planned(["true"]))).toContain("unshare(CLONE_NEWNET)");
    const shared = planned(["--net", "host", "true"]);
    expect(lines(shared).some((line) => /CLONE_NEWNET|RTM_NEWLINK/.test(line))).toBe(false);
  });

  test("time offsets are written before the first process enters", () => {
    const list = lines(planned(["--time-offset", "monotonic=60", "true"]));
    expect(indexOf(list, "unshare(CLONE_NEWTIME)")).toBeGreaterThan(0);
    expect(list).toContain('write(file, "monotonic 60 0\\n", 15)');
  });

  test("a range is written by the helpers while the child waits", () => {
    const made = planned(["true"], IMAGE);
    expect(made.helperMaps?.uid).toHaveLength(2);
    expect(lines(made)).toContain("read(release, &byte, 1)");
    expect(lines(made).some((line) => line.includes("/proc/self/uid_map"))).toBe(false);
  });

  test("a control group of its own is the root of a namespace that begins when the child is in it", () => {
    expect(planned(["true"]).cloneFlags).toContain("CLONE_NEWCGROUP");
    const { spec, directories } = build(["true"], HOST, {}, { cgroup: { delegate: true }, resources: {} });
    const made = plan(spec, { directories, uid: 1000, gid: 1000 }, INPUTS);
    const list = lines(made);
    expect(made.cloneFlags).not.toContain("CLONE_NEWCGROUP");
    const [released, unshared] = ["read(release, &byte, 1)", "unshare(CLONE_NEWCGROUP)"].map((line) =>
      indexOf(list, line),
    );
    expect(released).toBeGreaterThan(0);
    expect(unshared).toBe((released ?? 0) + 1);
    expect(list.filter((line) => line.startsWith("read(release"))).toHaveLength(1);
    expect(indexOf(list, 'fsopen("cgroup2"')).toBeGreaterThan(unshared ?? 0);
  });
});

describe("mounts", () => {
  test("a destination is resolved inside the root, and magic links are refused", () => {
    const opens = lines(planned(["-v", "/data:/x", "true"], IMAGE)).filter((line) => line.includes("openat2"));
    expect(opens.length).toBeGreaterThan(0);
    expect(opens.every((line) => line.includes("RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS"))).toBe(true);
  });

  test("binds are private by default and keep the propagation that was asked for", () => {
    const of = (option: string) =>
      lines(planned(["-v", `/data:/x${option}`, "true"])).filter((line) => line.includes("mount_setattr"));
    expect(of("").join()).toContain("{MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MS_PRIVATE}");
    expect(of(":rslave").join()).toContain("MS_SLAVE");
    expect(of(":ro,rshared").join()).toContain("MOUNT_ATTR_RDONLY|MS_SHARED");
  });

  test("an overlay's layers are named relative to the scratch, whatever their paths", () => {
    const list = lines(planned(["true"], folderRootfs("/a:b,c\\d")));
    expect(list.some((line) => line.includes('"lowerdir", "lower"'))).toBe(true);
    expect(list.filter((line) => line.includes("/a:b,c")).length).toBe(1);
  });

  test("layers are given one by one where the kernel takes them so, else all in one mount, the topmost first", () => {
    const layers = Array.from({ length: 128 }, (_, i) => `/store/layer-${i}`);
    const stack = { kind: "folder", path: "/store/layer-0", layers, upper: undefined } as const;
    const { spec, directories } = build(["true"], stack);
    const of = (lowerdirAppends: boolean): readonly string[] =>
      lines(plan(spec, { directories, uid: 1000, gid: 1000, lowerdirAppends }, INPUTS));
    const appended = of(true).filter((line) => line.includes('"lowerdir+"'));
    expect(appended.map((line) => /"(l\d+)"/.exec(line)?.[1])).toEqual(layers.map((_, i) => `l${i}`));
    const [mounted = "", ...more] = of(false).filter((line) => line.startsWith("mount("));
    expect(more).toEqual([]);
    expect(mounted).toContain(`lowerdir=${layers.map((_, i) => `l${i}`).join(":")},upperdir=data/upper`);
    for (const list of [of(true), of(false)])
      expect(list.filter((line) => line.includes("/store/layer-")).length).toBe(128);
  });

  test("--read-only seals the root after everything is in place", () => {
    const list = lines(planned(["--read-only", "true"], IMAGE));
    const sealed = list.findLastIndex((line) => line.includes("{MOUNT_ATTR_RDONLY}"));
    expect(sealed).toBe(indexOf(list, "pivot_root") - 2);
  });

  test("1,000 mounts need no more registers than one", () => {
    const flags = Array.from({ length: 1000 }, (_, i) => ["-v", `/data:/m/${i}`]).flat();
    const made = planned([...flags, "true"], IMAGE);
    expect(made.steps.filter(({ call }) => call === "open_tree").length).toBeGreaterThan(1000);
    expect(Math.max(...made.steps.map(({ out }) => out?.index ?? 0))).toBeLessThan(30);
  });
});

describe("a sandbox on a network with others", () => {
  const { spec, directories } = build(["true"], HOST);
  const network = {
    interface: "eth0",
    mtu: 1500,
    ipv4: undefined,
    ipv6: undefined,
    hostLoopback: false,
    names: { servers: [], hosts: [] },
    rules: { allow: [], deny: [] },
    member: { network: "dev", names: [] },
  };
  const made = plan({ ...spec, sandbox: { ...spec.sandbox, network } }, { directories, uid: 1000, gid: 1000 }, INPUTS);
  const list = lines(made);

  test("hands over its network namespace and a netlink socket of it, and takes the answer for an errno", () => {
    const sent = indexOf(list, "sendmsg(member, {SCM_RIGHTS [namespace, netlink]}");
    expect(sent).toBeGreaterThan(indexOf(list, "unshare(CLONE_NEWNET)"));
    expect(list.slice(sent + 1, sent + 4)).toEqual([
      "close(namespace)",
      "recvfrom(network, &answer, 4, 0, 0, 0)",
      expect.stringMatching(/^load\(/),
    ]);
  });

  test("makes no device, and lets no router tell it anything", () => {
    expect(list.join("\n")).not.toContain("/dev/net/tun");
    expect(list.join("\n")).toContain("/proc/sys/net/ipv6/conf/default/accept_ra");
  });
});
