// The mounts that every sandbox begins with: the host's view, or an image's needs; then /proc, /sys and /dev.
import { type HostView, PRIVATE_FOLDERS, SYSTEM_FOLDERS } from "./host_view.ts";
import type { Mount } from "./spec.ts";

/** `shared`: one that is there already, of others. `named`: one with others on it. */
export type NetworkMode = "none" | "host" | "slirp" | "shared" | "named";

/** The content of /etc/resolv.conf, and what /etc/hosts has more. */
export type ResolverFiles = {
  readonly resolvConf: string;
  readonly hosts: string;
  /** What the host name stands for, where it is not loopback. */
  readonly own?: readonly string[];
};

const READ_ONLY = ["ro", "nosuid", "nodev"] as const;
const SEALED = ["nosuid", "noexec", "nodev"] as const;

/** The host's system folders, read-only, with its symbolic links; private folders; an empty home. */
export function hostRootMounts(view: HostView, home: string): readonly Mount[] {
  const system = [...SYSTEM_FOLDERS, ...[...view.entries.keys()].filter((path) => path.startsWith("/run/"))];
  const links = system.flatMap((path): Mount[] => {
    const entry = view.entries.get(path);
    return entry?.kind === "symlink" ? [symlink(path, entry.target)] : [];
  });
  const binds = SYSTEM_FOLDERS.flatMap((path): Mount[] =>
    view.entries.get(path)?.kind === "directory"
      ? [{ type: "bind", source: path, destination: path, options: READ_ONLY }]
      : [],
  );
  return [...binds, ...PRIVATE_FOLDERS.map((path) => privateFolder(view, path)), ...links, ...homeFolder(home)];
}

function symlink(destination: string, target: string): Mount {
  return { type: "symlink", source: target, destination, options: [] };
}

// A host with /home -> var/home keeps that link; the folder comes to lie where it leads.
function privateFolder(view: HostView, path: string): Mount {
  const entry = view.entries.get(path);
  if (entry?.kind === "symlink") return symlink(path, entry.target);
  return { type: "directory", destination: path, options: [path.endsWith("tmp") ? "mode=1777" : "mode=0755"] };
}

function homeFolder(home: string): readonly Mount[] {
  if (home === "/" || SYSTEM_FOLDERS.some((folder) => home === folder || home.startsWith(`${folder}/`))) return [];
  return [{ type: "directory", destination: home, options: ["mode=0700"] }];
}

/**
 * /proc, /sys and /dev. A new /sys takes a network namespace of one's own (kernel, sysfs_init_fs_context()): one that is shared is its
 * owner's. And where the kernel refuses a new /proc since the outer one is partly covered, it refuses a new /sys for the same reason.
 */
export function kernelMounts(options: {
  readonly proc: "new" | "bind";
  readonly network: NetworkMode;
  readonly ttyGid?: number;
}): readonly Mount[] {
  const { proc, network, ttyGid } = options;
  return [
    proc === "new"
      ? { type: "proc", destination: "/proc", options: SEALED }
      : { type: "bind", source: "/proc", destination: "/proc", options: SEALED },
    network !== "host" && network !== "shared" && proc === "new"
      ? { type: "sysfs", destination: "/sys", options: [...SEALED, "ro"] }
      : { type: "bind", source: "/sys", destination: "/sys", options: [...SEALED, "ro"] },
    { type: "tmpfs", destination: "/dev", options: ["nosuid", "noexec", "mode=0755", "size=65536k"] },
    {
      type: "devpts",
      destination: "/dev/pts",
      options: ["nosuid", "noexec", "ptmxmode=0666", "mode=0620", ...(ttyGid === undefined ? [] : [`gid=${ttyGid}`])],
    },
    { type: "tmpfs", destination: "/dev/shm", options: [...SEALED, "mode=1777", "size=65536k"] },
    { type: "mqueue", destination: "/dev/mqueue", options: SEALED },
  ];
}

/** The sandbox's own control groups, where it may make them: its namespace shows no others. */
export const CGROUP_MOUNT: Mount = {
  type: "cgroup",
  source: "cgroup",
  destination: "/sys/fs/cgroup",
  options: ["rw", ...SEALED],
};

/** resolv.conf(5) where there is nobody to ask. */
export const NO_NETWORK_RESOLVER = "# This sandbox has no network.\n";

/** /etc/hosts and its like with content that fits the network. `places` says where each lies; without it, at its own path. */
export function ownFileMounts(options: {
  readonly hostname: string;
  readonly network: NetworkMode;
  readonly places: ReadonlyMap<string, string> | undefined;
  /** The host's own texts, for a sandbox that shares its network. */
  readonly hostTexts: ReadonlyMap<string, string>;
  /** For a network of the sandbox's own. */
  readonly resolver?: ResolverFiles | undefined;
}): readonly Mount[] {
  const { hostname, network, places, hostTexts, resolver } = options;
  const text = (path: string, own: string): string => (network === "host" ? (hostTexts.get(path) ?? own) : own);
  const files: readonly (readonly [string, string])[] = [
    ["/etc/resolv.conf", text("/etc/resolv.conf", resolver?.resolvConf ?? NO_NETWORK_RESOLVER)],
    ["/etc/hosts", text("/etc/hosts", ownHosts(hostname, resolver?.own) + (resolver?.hosts ?? ""))],
    ["/etc/hostname", `${hostname}\n`],
  ];
  const data = files.flatMap(([path, content]): Mount[] => {
    const destination = places ? places.get(path) : path;
    // The host's /etc is read-only: what is not there cannot be made there, and nothing looks for it.
    return destination === undefined
      ? []
      : [{ type: "data", destination, data: content, options: ["nosuid", "nodev", "noexec", "try"] }];
  });
  // Usually a link to /proc/self/mounts; where it is a file, it tells of the host's mounts.
  const mtab = places?.get("/etc/mtab");
  if (mtab !== "/etc/mtab") return data;
  return [
    ...data,
    { type: "data", destination: mtab, data: "sandbox / tmpfs rw 0 0\n", options: ["nosuid", "nodev", "noexec"] },
  ];
}

function ownHosts(hostname: string, own: readonly string[] = ["127.0.1.1"]): string {
  const names = own.map((address) => `${address} ${hostname}\n`).join("");
  return `127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n${names}`;
}

/** What /proc and /sys tell of the host, or let it be told to do, is out of reach (Docker's and Podman's defaults). */
export const MASKED_PATHS = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
] as const;
/** What the host's /sys tells of its network, for a sandbox that sees that /sys and is on another network. */
export const NETWORK_PATHS = ["/sys/class/net", "/sys/devices/virtual/net"] as const;
export const MASKED_FOLDERS: readonly string[] = [
  ...NETWORK_PATHS,
  "/proc/acpi",
  "/proc/asound",
  "/proc/scsi",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
];
export const READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"] as const;
