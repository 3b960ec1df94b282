// Facts of a machine on which everything works, and what differs on others.
import type { HostFacts } from "../../../src/host/host_facts.ts";
import type { ProbeResult } from "../../../src/host/live_probe.ts";
import { type LaunchStep, PROBE_NAMES, type ProbeName } from "../../../src/host/probe_programs.ts";

type Probes = Readonly<Record<ProbeName, ProbeResult>>;

export const ALL_WELL = Object.fromEntries(PROBE_NAMES.map((name) => [name, { kind: "ok" }])) as Probes;

export function failing(step: LaunchStep, errno: number, call = "openat"): ProbeResult {
  return { kind: "failed", step, call, errno };
}

/** A desktop with a login session, like Debian 12 or Fedora. */
export const DESKTOP: HostFacts = {
  identity: { uid: 1000, gid: 1000, euid: 1000, egid: 1000, groups: [1000] },
  userName: "alice",
  executable: "/home/alice/.local/bin/sandbox",
  userns: { compiledIn: true, max: { user: 62000, mnt: 62000, net: 62000 } },
  apparmor: { enabled: false },
  selinux: { state: "absent" },
  container: { userNamespace: false },
  process: { noNewPrivs: false, seccompFiltered: false, effective: 0n, bounding: 0x1ffffffffffn },
  root: { kind: "mount", fsType: "ext4" },
  procMasks: [],
  kernel: { release: "6.1.0-18-amd64", machine: "x86_64", major: 6, minor: 1 },
  os: { family: "debian", prettyName: "Debian GNU/Linux 12 (bookworm)" },
  helpers: {
    newuidmap: { kind: "ready", path: "/usr/bin/newuidmap", by: "setuid" },
    newgidmap: { kind: "ready", path: "/usr/bin/newgidmap", by: "setuid" },
  },
  subids: {
    service: "files",
    ranges: { uids: [{ start: 100000, count: 65536 }], gids: [{ start: 100000, count: 65536 }] },
    foreign: [],
    freeStart: 165536,
  },
  overlay: {
    module: "loaded",
    store: { path: "/home/alice/.local/share/sandbox", type: 0xef53, nodev: false, noexec: false, available: 2 ** 34 },
  },
  cgroup: {
    mode: "unified",
    folder: "/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope",
    controllers: ["memory", "pids"],
    delegated: false,
    manager: {
      systemd: true,
      linger: false,
      runtimeDir: "/run/user/1000",
      bus: "/run/user/1000/bus",
      usualBus: "/run/user/1000/bus",
      controllers: ["cpuset", "cpu", "io", "memory", "pids"],
    },
  },
  devices: { tun: { kind: "ready" }, fuse: { kind: "ready" } },
  lockdown: { seccompActions: ["kill_process", "errno", "user_notif", "allow"], landlock: { kind: "abi", version: 4 } },
  rlimits: {
    RLIMIT_DATA: { soft: undefined, hard: undefined },
    RLIMIT_NPROC: { soft: 62000, hard: 62000 },
    RLIMIT_NOFILE: { soft: 1024, hard: 524288 },
    RLIMIT_AS: { soft: undefined, hard: undefined },
  },
  probes: ALL_WELL,
};

/** Ubuntu 24.04 as installed: user namespaces come without capabilities. */
export const UBUNTU: HostFacts = {
  ...DESKTOP,
  apparmor: {
    enabled: true,
    label: { profile: "unconfined", mode: "unconfined" },
    restrictUserns: true,
    restrictUnconfined: false,
  },
  kernel: { release: "6.8.0-45-generic", machine: "x86_64", major: 6, minor: 8 },
  os: { family: "debian", prettyName: "Ubuntu 24.04.1 LTS" },
};

/** Root in a container of docker's defaults, on Debian. */
export const DOCKER: HostFacts = {
  ...DESKTOP,
  identity: { uid: 0, gid: 0, euid: 0, egid: 0, groups: [0] },
  userName: "root",
  apparmor: { enabled: true, label: { profile: "docker-default", mode: "enforce" } },
  container: { kind: "docker", userNamespace: false },
  process: { noNewPrivs: false, seccompFiltered: true, effective: 0xa80425fbn, bounding: 0xa80425fbn },
  procMasks: ["/proc/bus", "/proc/sys", "/proc/kcore", "/proc/keys"],
  helpers: { newuidmap: { kind: "missing" }, newgidmap: { kind: "missing" } },
  subids: { service: "files", ranges: { uids: [], gids: [] }, foreign: [], freeStart: 100000 },
  cgroup: {
    mode: "unified",
    folder: "/sys/fs/cgroup",
    controllers: ["memory", "pids"],
    delegated: false,
    manager: { systemd: false, linger: false },
  },
  devices: { tun: { kind: "missing", module: "unknown" }, fuse: { kind: "missing", module: "unknown" } },
};
