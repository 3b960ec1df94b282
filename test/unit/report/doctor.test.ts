import { describe, expect, test } from "bun:test";
import { ERRNO } from "../../../ffi/errno.ts";
import type { HostFacts } from "../../../src/host/host_facts.ts";
import { diagnose, type Finding, renderDoctor, summarize } from "../../../src/report/doctor.ts";
import { ALL_WELL, DESKTOP, DOCKER, failing, UBUNTU } from "../host/facts.ts";

const PLAIN = { colour: false, json: false } as const;

function finding(facts: HostFacts, id: string): Finding {
  const found = diagnose(facts).find((candidate) => candidate.id === id);
  if (!found) throw new Error(`no finding ${id}`);
  return found;
}

function troubles(facts: HostFacts): readonly string[] {
  return diagnose(facts).flatMap(({ id, state }) => (state === "warn" || state === "fail" ? [id] : []));
}

const RESTRICTED: HostFacts = { ...UBUNTU, probes: { ...ALL_WELL, user: failing("uid_map", ERRNO.EACCES) } };

describe("a desktop on which everything works", () => {
  test("has no troubles, and says so in its first line", () => {
    expect(troubles(DESKTOP)).toEqual([]);
    const [first, , ...rest] = renderDoctor(diagnose(DESKTOP), PLAIN).split("\n");
    expect(first).toBe("sandbox can run here: yes");
    expect(rest.slice(0, 4)).toEqual([
      "  range of ids   yes  works",
      "  copy-on-write  yes  works",
      "  network stack  yes  made one in a network namespace",
      "  limits         yes  memory, pids, cpu, io, cpuset, by the systemd user manager",
    ]);
  });
});

describe("Ubuntu 24.04", () => {
  test("cannot run a sandbox, and gets a profile to type", () => {
    const text = renderDoctor(diagnose(RESTRICTED), PLAIN);
    expect(text).toStartWith("sandbox can run here: no, because User namespace: AppArmor takes all capabilities away");
    expect(text).toContain("openat gave EACCES at step uid_map");
    expect(text).toContain("profile home.alice..local.bin.sandbox /home/alice/.local/bin/sandbox flags=(unconfined) {");
  });
  test("one cause is told once, not for every namespace", () => {
    expect(troubles(RESTRICTED)).toEqual(["namespace.user"]);
    const userns = { ...DESKTOP.userns, max: { net: 0 } };
    const noNetwork = failing("clone", ERRNO.ENOSPC, "clone");
    const probes = { ...ALL_WELL, network: noNetwork, sysfs: noNetwork };
    expect(troubles({ ...DESKTOP, userns, probes })).toEqual(["namespace.network"]);
  });
});

describe("docker", () => {
  const facts: HostFacts = { ...DOCKER, probes: { ...ALL_WELL, user: failing("clone", ERRNO.EPERM, "clone") } };
  test("is told apart by its filter, and mended from outside", () => {
    expect(finding(facts, "namespace.user").mend).toContain("docker run --security-opt seccomp=unconfined");
    expect(finding(facts, "network.tun").mend).toContain("--device /dev/net/tun");
    expect(finding(facts, "cgroup.limits").mend).toContain("--cgroupns=private");
  });
  test("with its filter lifted runs, without a /proc of its own", () => {
    const lifted: HostFacts = { ...DOCKER, probes: { ...ALL_WELL, proc: failing("proc", ERRNO.EPERM, "mount") } };
    expect(summarize(diagnose(lifted)).canRun).toBe(true);
    expect(finding(lifted, "namespace.proc")).toMatchObject({ state: "warn" });
    expect(finding(lifted, "namespace.proc").meaning).toContain("Mount too revealing");
  });
});

describe("kernel", () => {
  test("RHEL 8 is too old", () => {
    const kernel = { release: "4.18.0-553.el8_10.x86_64", machine: "x86_64", major: 4, minor: 18 };
    expect(finding({ ...DESKTOP, kernel }, "kernel.version")).toMatchObject({ state: "fail" });
  });
  test("another architecture cannot run it", () => {
    expect(finding({ ...DESKTOP, kernel: { ...DESKTOP.kernel, machine: "riscv64" } }, "kernel.machine").state).toBe(
      "fail",
    );
  });
  test("a system that executes nothing from memory cannot run it", () => {
    const withNoexec = (memfdNoexec: number): HostFacts => ({
      ...DESKTOP,
      lockdown: { ...DESKTOP.lockdown, memfdNoexec },
    });
    expect(finding(withNoexec(2), "kernel.memfd").state).toBe("fail");
    expect(finding(withNoexec(1), "kernel.memfd").state).toBe("ok");
  });
  test("without seccomp filters no sandbox runs, without Landlock it does", () => {
    const lockdown = { seccompActions: [], landlock: { kind: "unavailable", why: "not-enabled" } } as const;
    expect(finding({ ...DESKTOP, lockdown }, "kernel.seccomp").state).toBe("fail");
    expect(finding({ ...DESKTOP, lockdown }, "kernel.landlock").state).toBe("warn");
  });
  test("few open files and processes are noticed", () => {
    const few = { RLIMIT_NOFILE: { soft: 32, hard: 32 }, RLIMIT_NPROC: { soft: 4, hard: 4 } };
    expect(troubles({ ...DESKTOP, rlimits: { ...DESKTOP.rlimits, ...few } })).toEqual([
      "process.nofile",
      "process.nproc",
    ]);
  });
  test("what the process was started with is shown", () => {
    const process = { ...DESKTOP.process, noNewPrivs: true, seccompFiltered: true };
    const { detail } = finding({ ...DESKTOP, process }, "process.restrictions");
    expect(detail).toBe("started with no_new_privs and a system call filter");
  });
  test("Yama and SELinux are shown", () => {
    const facts: HostFacts = {
      ...DESKTOP,
      lockdown: { ...DESKTOP.lockdown, ptraceScope: 1 },
      selinux: { state: "enforcing", context: "user_t" },
    };
    expect(finding(facts, "host.yama").detail).toContain("descendants only");
    expect(finding(facts, "host.selinux").detail).toBe("enforcing, this process: user_t");
  });
});

describe("range of ids", () => {
  test("a missing helper is a package to install", () => {
    const facts: HostFacts = { ...DESKTOP, helpers: { ...DESKTOP.helpers, newgidmap: { kind: "missing" } } };
    expect(finding(facts, "ids.newgidmap")).toMatchObject({ state: "warn", mend: "sudo apt-get install uidmap" });
    expect(summarize(diagnose(facts)).features["range of ids"].available).toBe(false);
  });
  test.each([
    ["no-privilege", "setcap cap_setuid+ep /opt/newuidmap"],
    ["nosuid", "remount,suid"],
    ["no-new-privs", "NoNewPrivileges=no"],
    ["bounding-set", "--cap-add SETUID"],
    ["owner-not-root", "chown root /opt/newuidmap"],
    ["not-executable", "chmod 4755 /opt/newuidmap"],
  ] as const)("a powerless helper (%s) is mended by %s", (why, mend) => {
    const helpers = { ...DESKTOP.helpers, newuidmap: { kind: "powerless", path: "/opt/newuidmap", why } } as const;
    expect(finding({ ...DESKTOP, helpers }, "ids.newuidmap").mend).toContain(mend);
  });
  test("no range, a short range and a service without an answer are three things", () => {
    const withSubids = (subids: Partial<HostFacts["subids"]>): Finding =>
      finding({ ...DESKTOP, subids: { ...DESKTOP.subids, ...subids } }, "ids.ranges");
    const short = [{ start: 1, count: 10 }];
    expect(withSubids({ ranges: { uids: [], gids: [] } }).mend).toContain("--add-subuids 165536-231071");
    expect(withSubids({ ranges: { uids: short, gids: short } }).meaning).toContain("65534");
    expect(withSubids({ ranges: { uids: [], gids: [] }, service: "sss" }).meaning).toContain("directory service");
  });
  test("a range that another user has too is named", () => {
    const subids = { ...DESKTOP.subids, foreign: [{ owner: "bob", start: 100000, count: 65536 }] };
    expect(finding({ ...DESKTOP, subids }, "ids.overlap").detail).toBe("bob has 100000-165535 too");
  });
  test("helpers that refuse all the same are found by trying", () => {
    const facts = { ...DESKTOP, probes: { ...ALL_WELL, range: failing("range", ERRNO.EPERM, "newuidmap") } };
    expect(finding(facts, "ids.mapped")).toMatchObject({ state: "warn" });
  });
});

describe("copy-on-write", () => {
  type Failing = readonly [probe: "overlay" | "overlay-store", step: "overlay" | "overlay-write", errno: number];
  const withOverlay = (...[name, step, errno]: Failing): HostFacts => ({
    ...DESKTOP,
    probes: { ...ALL_WELL, [name]: failing(step, errno, "fsconfig") },
  });
  test("a kernel without overlay is told to load it", () => {
    expect(finding(withOverlay("overlay", "overlay", ERRNO.ENODEV), "overlay.memory").mend).toContain(
      "modprobe overlay",
    );
  });
  test("a tmpfs without user attributes mounts and does not delete", () => {
    expect(finding(withOverlay("overlay", "overlay-write", ERRNO.EIO), "overlay.memory").meaning).toContain("6.6");
  });
  test("a store on NFS cannot hold an upper layer, and is named", () => {
    const found = finding(withOverlay("overlay-store", "overlay", ERRNO.EINVAL), "overlay.store");
    expect(found.meaning).toContain("/home/alice/.local/share/sandbox");
  });
  test("a store of which only the server knows why it refuses is unfit, if an overlay in memory works", () => {
    const found = finding(withOverlay("overlay-store", "overlay", ERRNO.EACCES), "overlay.store");
    expect(found.meaning).toContain("cannot hold the upper layer");
  });
  test("a store that is not there yet is no trouble", () => {
    const facts = {
      ...DESKTOP,
      probes: { ...ALL_WELL, "overlay-store": { kind: "skipped", why: "no folder" } as const },
    };
    expect(finding(facts, "overlay.store").state).toBe("info");
  });
});

describe("limits", () => {
  const withCgroup = (cgroup: Partial<HostFacts["cgroup"]>): HostFacts => ({
    ...DESKTOP,
    cgroup: { ...DESKTOP.cgroup, ...cgroup },
  });
  test("systemd's default delegation gives limits, and says which are missing", () => {
    const facts = withCgroup({ manager: { ...DESKTOP.cgroup.manager, controllers: ["memory", "pids"] } });
    expect(finding(facts, "cgroup.limits").state).toBe("ok");
    const missing = finding(facts, "cgroup.controllers");
    expect(missing).toMatchObject({ state: "warn", detail: "not handed down: cpu, io, cpuset" });
    expect(missing.mend).toContain("Delegate=cpu cpuset io memory pids");
  });
  test("su, cron and batch systems leave the environment behind", () => {
    const facts = withCgroup({ manager: { systemd: true, linger: true, usualBus: "/run/user/1000/bus" } });
    expect(finding(facts, "cgroup.limits").mend).toBe("export XDG_RUNTIME_DIR=/run/user/1000");
  });
  test("no session at all is mended by lingering", () => {
    const facts = withCgroup({ manager: { systemd: true, linger: false } });
    expect(finding(facts, "cgroup.limits").mend).toContain("enable-linger alice");
  });
  test("a hybrid tree is told to boot with version 2", () => {
    const facts = withCgroup({ mode: "hybrid", controllers: [], manager: { systemd: true, linger: false } });
    expect(finding(facts, "cgroup.limits").mend).toContain("systemd.unified_cgroup_hierarchy=1");
    const alpine = { ...facts, os: { family: "alpine", prettyName: "Alpine" } as const };
    expect(finding(alpine, "cgroup.limits").mend).toContain("rc_cgroup_mode");
  });
  test("a delegated group is enough without systemd", () => {
    const controllers = ["memory", "pids", "cpu", "io", "cpuset"];
    const facts = withCgroup({ delegated: true, controllers, manager: { systemd: false, linger: false } });
    expect(finding(facts, "cgroup.limits").detail).toContain("delegation of /sys/fs/cgroup/user.slice");
  });
  test("nothing mounted is nothing to delegate", () => {
    expect(finding(withCgroup({ mode: "none" }), "cgroup.limits").detail).toBe("no control groups are mounted");
  });
});

describe("network", () => {
  const withTun = (tun: HostFacts["devices"]["tun"]): Finding =>
    finding({ ...DESKTOP, devices: { ...DESKTOP.devices, tun } }, "network.tun");
  test("a missing module is loaded, a denied node opened", () => {
    expect(withTun({ kind: "missing", module: "loadable" }).mend).toContain("modprobe tun");
    expect(withTun({ kind: "no-driver", module: "absent" }).mend).toContain("modules");
    expect(withTun({ kind: "denied", errno: "EACCES" }).mend).toContain("chmod 666 /dev/net/tun");
  });
  test("a device that opens and cannot be configured is explained like any step", () => {
    const facts = { ...UBUNTU, probes: { ...ALL_WELL, tun: failing("tun", ERRNO.EPERM, "ioctl") } };
    expect(finding(facts, "network.tun").meaning).toContain("AppArmor");
  });
});

describe("the report", () => {
  test("every finding has an id of its own, a detail and a meaning; a trouble has a mend", () => {
    for (const facts of [DESKTOP, RESTRICTED, DOCKER]) {
      const findings = diagnose(facts);
      expect(new Set(findings.map(({ id }) => id)).size).toBe(findings.length);
      for (const { id, detail, meaning, mend, state } of findings) {
        expect(`${id} ${detail} ${meaning} ${mend ?? ""}`).not.toMatch(/undefined|NaN|\[object/);
        expect(detail.length > 0 && meaning.length > 0).toBe(true);
        expect(mend !== undefined || state === "ok" || state === "info").toBe(true);
      }
    }
  });
  test("has no escape sequence unless it was asked for colour", () => {
    const findings = diagnose(RESTRICTED);
    expect(renderDoctor(findings, PLAIN)).not.toContain("\x1b");
    expect(renderDoctor(findings, { colour: true, json: false })).toContain("\x1b[31mno\x1b[0m");
  });
  test("as JSON is the summary and the findings", () => {
    const parsed: unknown = JSON.parse(renderDoctor(diagnose(RESTRICTED), { colour: false, json: true }));
    expect(parsed).toMatchObject({ canRun: false, features: { limits: { available: true } } });
    expect(parsed).toHaveProperty("findings.0.id", "namespace.user");
  });
  test("failures come before warnings", () => {
    const facts: HostFacts = {
      ...RESTRICTED,
      devices: { ...DESKTOP.devices, tun: { kind: "denied", errno: "EACCES" } },
      lockdown: { ...DESKTOP.lockdown, memfdNoexec: 2 },
    };
    const text = renderDoctor(diagnose(facts), PLAIN);
    expect(text.indexOf("fail  Executing from memory:")).toBeGreaterThan(0);
    expect(text.indexOf("fail  Executing from memory:")).toBeLessThan(text.indexOf("warn  TUN device:"));
  });
  test("prose is broken before column 100, commands never", () => {
    const text = renderDoctor(diagnose(RESTRICTED), PLAIN);
    expect(text).toContain("sudo tee /etc/apparmor.d/home.alice..local.bin.sandbox >/dev/null <<'EOF'\n");
    const [prose = ""] = text.split("\n\n").filter((part) => part.startsWith("fail"));
    const lines = prose.slice(0, prose.indexOf("To mend it")).split("\n");
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
  });
});
