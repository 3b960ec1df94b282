// Control groups, cgroups(7): which hierarchy there is, where we are in it, and whether we may make groups of our own, either in place
// or by asking the systemd user manager for a delegated scope.
import { accessible } from "../../ffi/file.ts";
import type { MountInfo } from "./mount_info.ts";
import { exists, readHostFile } from "./read_host_file.ts";

export type CgroupMode = "unified" | "hybrid" | "legacy" | "none";

export type CgroupFacts = {
  readonly mode: CgroupMode;
  /** Our own group's folder in the version 2 hierarchy; absent when it lies outside of what is mounted. */
  readonly folder?: string;
  /** cgroup.controllers of that folder. */
  readonly controllers: readonly string[];
  /** We may make child groups there, move processes into them and switch controllers on: the three files of a delegation. */
  readonly delegated: boolean;
  readonly manager: UserManager;
};

export type UserManager = {
  /** systemd is this machine's init, sd_booted(3). */
  readonly systemd: boolean;
  /** $XDG_RUNTIME_DIR as given. */
  readonly runtimeDir?: string;
  /** The session bus's socket, if it is there. */
  readonly bus?: string;
  /** /run/user/UID/bus exists, whatever the environment says: the variable alone is missing. */
  readonly usualBus?: string;
  /** The user manager outlives logout, loginctl(1) enable-linger. */
  readonly linger: boolean;
  /** What user@UID.service hands down; absent when that group is not there. */
  readonly controllers?: readonly string[];
};

type Environment = Readonly<Record<string, string | undefined>>;
const W_OK = 2;

export function readCgroup(
  mounts: readonly MountInfo[],
  env: Environment,
  user: { readonly uid: number; readonly name: string | undefined },
): CgroupFacts {
  const own = parseCgroup(readHostFile("/proc/self/cgroup") ?? "");
  const folder = cgroupFolder(mounts, own.unified);
  return {
    mode: cgroupMode(mounts),
    ...(folder !== undefined && { folder }),
    controllers: words(folder && readHostFile(`${folder}/cgroup.controllers`)),
    delegated: folder !== undefined && isDelegated(folder),
    manager: readUserManager(mounts, env, user),
  };
}

export type OwnCgroup = {
  /** The path after `0::`. */
  readonly unified: string | undefined;
  /** Controllers of version 1 hierarchies that we are in. */
  readonly legacy: readonly string[];
};

/** /proc/self/cgroup: lines of hierarchy, controllers and path. */
export function parseCgroup(text: string): OwnCgroup {
  const lines = text.split("\n").flatMap((line) => {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    return match ? [{ id: match[1], controllers: match[2] ?? "", path: match[3] }] : [];
  });
  const unified = lines.find(({ id, controllers }) => id === "0" && controllers === "");
  const legacy = lines.filter(({ id }) => id !== "0").flatMap(({ controllers }) => controllers.split(","));
  return { unified: unified?.path, legacy: legacy.filter((name) => name !== "" && !name.startsWith("name=")) };
}

export function cgroupMode(mounts: readonly MountInfo[]): CgroupMode {
  const version2 = mounts.some(({ fsType }) => fsType === "cgroup2");
  const version1 = mounts.some(
    ({ fsType, superOptions }) => fsType === "cgroup" && !superOptions.some((option) => option.startsWith("name=")),
  );
  if (version2) return version1 ? "hybrid" : "unified";
  return version1 ? "legacy" : "none";
}

/** The folder of group `path`, which a mount shows from its own root on. */
export function cgroupFolder(mounts: readonly MountInfo[], path: string | undefined): string | undefined {
  const mount = mounts.findLast(({ fsType }) => fsType === "cgroup2");
  if (!mount || path === undefined || path.split("/").includes("..")) return undefined;
  const root = mount.root === "/" ? "" : mount.root;
  if (path !== root && !path.startsWith(`${root}/`)) return undefined;
  return `${mount.mountPoint}${path.slice(root.length)}`.replace(/\/$/, "");
}

/** cgroup-v2, "Delegation": the folder, cgroup.procs and cgroup.subtree_control must be ours to write. */
function isDelegated(folder: string): boolean {
  return [folder, `${folder}/cgroup.procs`, `${folder}/cgroup.subtree_control`].every((path) => accessible(path, W_OK));
}

function readUserManager(
  mounts: readonly MountInfo[],
  env: Environment,
  { uid, name }: { readonly uid: number; readonly name: string | undefined },
): UserManager {
  const runtimeDir = env.XDG_RUNTIME_DIR;
  const bus = busPath(env);
  const usual = `/run/user/${uid}/bus`;
  const service = cgroupFolder(mounts, `/user.slice/user-${uid}.slice/user@${uid}.service`);
  const controllers = service && readHostFile(`${service}/cgroup.controllers`);
  return {
    systemd: exists("/run/systemd/system"),
    linger: name !== undefined && exists(`/var/lib/systemd/linger/${name}`),
    ...(runtimeDir && { runtimeDir }),
    ...(bus !== undefined && accessible(bus, W_OK) && { bus }),
    ...(accessible(usual, W_OK) && { usualBus: usual }),
    ...(controllers !== undefined && { controllers: words(controllers) }),
  };
}

/** The socket of the session bus: DBUS_SESSION_BUS_ADDRESS if it is a unix path, else XDG_RUNTIME_DIR's (sd_bus_open_user(3)). */
export function busPath(env: Environment): string | undefined {
  const address = env.DBUS_SESSION_BUS_ADDRESS;
  const path = /(?:^|;)unix:(?:[^;]*,)?path=([^,;]+)/.exec(address ?? "")?.[1];
  if (path !== undefined) return unescapeAddress(path);
  return env.XDG_RUNTIME_DIR ? `${env.XDG_RUNTIME_DIR}/bus` : undefined;
}

/** D-Bus specification, "Server Addresses": bytes may be written %XX. */
function unescapeAddress(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

function words(text: string | undefined): readonly string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}
