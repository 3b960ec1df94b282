// The parsed command line → Spec. Pure but for the lookups that it is given.

import type { RunDefaults } from "../../rootfs-builder/oci/run_defaults.ts";
import { requestFault, usageFault } from "../base/fault.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import type { HostView } from "../spec/host_view.ts";
import {
  CGROUP_MOUNT,
  hostRootMounts,
  kernelMounts,
  MASKED_PATHS,
  NETWORK_PATHS,
  type NetworkMode,
  ownFileMounts,
  READONLY_PATHS,
} from "../spec/root_mounts.ts";
import type { Mount, Rlimit, Rootfs, Spec } from "../spec/spec.ts";
import type { Parsed } from "./command.ts";
import { type FlagReader, flagReader, optional, pair } from "./flag_reader.ts";
import type { Membership } from "./membership.ts";
import {
  checkIdMappings,
  parseChoice,
  parseHostname,
  parseIdMapping,
  parseInsidePath,
  parseInteger,
  parseSize,
  parseTimeOffset,
  parseUlimit,
  parseUmask,
} from "./parse/values.ts";
import { buildEnvironment } from "./run_env.ts";
import { type IdMaps, idMaps, isMapped, type Range } from "./run_ids.ts";
import { annotationsOf, commandOf, imageFolders } from "./run_image.ts";
import type { RunCgroup } from "./run_limits.ts";
import { foldersAmong, presentMounts, userMounts } from "./run_mounts.ts";
import { type RunNetwork, runNetwork } from "./run_network.ts";
import { capabilitiesOf, seccompOf } from "./run_security.ts";
import { type ResolvedUser, resolveUser } from "./run_user.ts";
import { runtimePlaces } from "./runtime_places.ts";
import type { SharedNetwork } from "./shared_network.ts";
import { workingFolder } from "./working_folder.ts";

/** The root file system after images have been found and unpacked. */
export type ResolvedRootfs =
  | { readonly kind: "host"; readonly view: HostView }
  | {
      readonly kind: "folder";
      /** Of the folder, or of the topmost layer. */
      readonly path: string;
      /** The topmost first; the folder itself where there is one. */
      readonly layers: readonly string[];
      readonly upper: string | undefined;
      /** How an image wants to be run. */
      readonly image?: RunDefaults;
    };

export function folderRootfs(path: string, upper?: string): ResolvedRootfs {
  return { kind: "folder", path, layers: [path], upper };
}

export type BuiltSpec = {
  readonly spec: Spec;
  /** Bind sources and hidden paths that are folders, for the planner. */
  readonly directories: ReadonlySet<string>;
  /** One line each, for the user. */
  readonly notes: readonly string[];
  readonly network: RunNetwork;
};

export type SpecInputs = {
  readonly parsed: Parsed;
  readonly rootfs: ResolvedRootfs;
  readonly lookups: HostLookups;
  /** Where `--net` names a network that is there. */
  readonly shared?: SharedNetwork | undefined;
  /** Where it is the name of a network with others. */
  readonly membership?: Membership | undefined;
  /** Where limits ask for one. */
  readonly limits?: RunCgroup | undefined;
  readonly ranges: () => { readonly uids: readonly Range[]; readonly gids: readonly Range[] } | string;
};

export function buildSpec(inputs: SpecInputs): BuiltSpec {
  const { parsed, rootfs, lookups } = inputs;
  const flag = flagReader(parsed);
  const user = userOf(inputs, flag);
  const maps = mapsOf(inputs, flag, user);
  const runsIn = runNetwork(flag, lookups, inputs);
  const { mode: network, network: userNetwork, files: resolver } = runsIn;
  const hostname = parseHostname("--hostname", flag.one("--hostname") ?? "sandbox");
  const home = homeOf(inputs, user);
  const folder = workingFolder(rootfs, flag.one("--workdir"), home, lookups);
  const terminal = wantsTerminal(flag, lookups);
  const system: readonly Mount[] = [
    ...kernelMounts({
      proc: parseChoice("--proc", flag.one("--proc") ?? "new", ["new", "bind"]),
      network,
      ...ttyGid(maps),
    }),
    ...(inputs.limits?.cgroup.delegate ? [CGROUP_MOUNT] : []),
    ...(rootfs.kind === "host" ? hostRootMounts(rootfs.view, home) : []),
    ...folder.mounts,
    ...imageFolders(rootfs, flag.has("--read-only")),
    ...ownFileMounts({
      hostname,
      network,
      places: rootfs.kind === "host" ? rootfs.view.files : undefined,
      hostTexts: network === "host" ? hostTexts(lookups) : new Map(),
      resolver,
    }),
  ];
  const mounts = presentMounts([...system, ...userMounts(flag, lookups)], lookups);
  const asked = flag.all("--hide").map((path) => parseInsidePath("--hide", path));
  const hidden = [...asked, ...runtimePlaces(mounts, lookups)];
  const capabilities = capabilitiesOf(flag, user.uid);
  const spec: Spec = {
    ociVersion: "1.2.0",
    process: {
      terminal,
      user: {
        uid: user.uid,
        gid: user.gid,
        umask: parseUmask("--umask", flag.one("--umask") ?? "022"),
        additionalGids: user.groups,
      },
      args: commandOf(flag.one("--entrypoint"), parsed.positionals, imageOf(rootfs), () =>
        defaultShell(rootfs, lookups),
      ),
      env: buildEnvironment({
        parsed,
        lookups,
        host: rootfs.kind === "host",
        image: imageOf(rootfs)?.env ?? [],
        home,
        user: userName(user, rootfs.kind === "host" && flag.one("--user") === undefined, lookups),
        cwd: folder.cwd,
      }),
      cwd: folder.cwd,
      capabilities,
      rlimits: rlimitsOf(flag, lookups),
      noNewPrivileges: true,
      ...optional("oomScoreAdj", flag.one("--oom-score-adj"), (text) =>
        parseInteger("--oom-score-adj", text, -1000, 1000),
      ),
      ...optional("scheduler", flag.one("--nice"), (text) => ({
        policy: "SCHED_OTHER" as const,
        nice: parseInteger("--nice", text, -20, 19),
      })),
    },
    root: { path: rootfs.kind === "host" ? "/" : rootfs.path, readonly: flag.has("--read-only") },
    hostname,
    ...optional("domainname", flag.one("--domainname"), (text) => parseHostname("--domainname", text)),
    mounts,
    ...annotationsOf(imageOf(rootfs)),
    linux: {
      uidMappings: maps.uid,
      gidMappings: maps.gid,
      namespaces: namespaces(flag, network).map((type) =>
        type === "network" && inputs.shared ? { type, path: inputs.shared.path } : { type },
      ),
      ...timeOffsets(flag),
      ...(inputs.limits && { resources: inputs.limits.resources }),
      maskedPaths: [...MASKED_PATHS, ...(inputs.shared ? NETWORK_PATHS : []), ...hidden],
      readonlyPaths: READONLY_PATHS,
    },
    sandbox: {
      rootfs: rootfsOf(flag, rootfs),
      idMapWriter: maps.writer,
      init: pair(flag, "--init", true),
      ...optional("argv0", flag.one("--argv0"), (text) => text),
      newSession: pair(flag, "--new-session", true),
      dieWithParent: pair(flag, "--die-with-parent", true),
      preserveFds: parseInteger("--preserve-fds", flag.one("--preserve-fds") ?? "0", 0, 1024),
      emulateRoot: pair(flag, "--emulate-root", maps.writer === "self" && user.uid === 0 && rootfs.kind !== "host"),
      seccomp: seccompOf(flag, lookups),
      ...(inputs.limits && { cgroup: inputs.limits.cgroup }),
      ...(userNetwork && { network: userNetwork }),
    },
  };
  refuseNul(spec);
  const directories = foldersAmong(mounts, hidden, rootfs, lookups);
  return { spec, directories, notes: folder.notes, network: runsIn };
}

function userOf({ rootfs, lookups }: SpecInputs, flag: FlagReader): ResolvedUser {
  const own = rootfs.kind === "host" || flag.one("--userns") === "keep-id";
  const file = (path: string) => (): string =>
    (rootfs.kind === "host" ? lookups.text(path) : lookups.textInRoot(rootfs.layers, path)) ?? "";
  return resolveUser(
    {
      user: flag.one("--user") ?? imageOf(rootfs)?.user,
      group: flag.one("--group"),
      groupAdd: flag.all("--group-add"),
      fallback: own ? { uid: lookups.uid, gid: lookups.gid } : { uid: 0, gid: 0 },
    },
    { passwd: file("/etc/passwd"), group: file("/etc/group") },
  );
}

function mapsOf({ rootfs, lookups, ranges }: SpecInputs, flag: FlagReader, user: ResolvedUser): IdMaps {
  const caller = { uid: lookups.uid, gid: lookups.gid };
  const uidmap = flag.all("--uidmap").map((text) => parseIdMapping("--uidmap", text));
  const gidmap = flag.all("--gidmap").map((text) => parseIdMapping("--gidmap", text));
  checkIdMappings("--uidmap", uidmap);
  checkIdMappings("--gidmap", gidmap);
  const maps = idMaps({
    mode: parseChoice("--userns", flag.one("--userns") ?? "auto", ["auto", "single", "range", "keep-id"]),
    caller,
    target: { uid: user.uid, gid: user.gid },
    self: rootfs.kind === "host" ? caller : { uid: 0, gid: 0 },
    hostView: rootfs.kind === "host",
    uidmap,
    gidmap,
    ranges,
  });
  refuseUnmapped(maps, user);
  return maps;
}

function refuseUnmapped(maps: IdMaps, user: ResolvedUser): void {
  const missing = !isMapped(user.uid, maps.uid)
    ? `user ${user.uid}`
    : !isMapped(user.gid, maps.gid)
      ? `group ${user.gid}`
      : undefined;
  if (missing !== undefined)
    throw requestFault(
      `Cannot run as ${missing}`,
      "the id maps of this sandbox do not contain that id",
      "map it with --uidmap and --gidmap, or use --userns range",
    );
  const extra = user.groups.find((gid) => !isMapped(gid, maps.gid));
  if (user.groups.length > 0 && (maps.writer === "self" || extra !== undefined))
    throw requestFault(
      "Cannot add groups (--group-add)",
      maps.writer === "self"
        ? "with a single id mapped, setgroups(2) is denied by the kernel"
        : `group ${extra} is not mapped`,
      "use --userns range",
    );
}

// devpts(5): group 5 is `tty` on every distribution; the option is refused where that id is not mapped.
function ttyGid(maps: IdMaps): { readonly ttyGid?: number } {
  return isMapped(5, maps.gid) ? { ttyGid: 5 } : {};
}

function homeOf({ rootfs, lookups }: SpecInputs, user: ResolvedUser): string {
  const own = rootfs.kind === "host" && user.uid === lookups.uid ? lookups.env.HOME : undefined;
  const home = own?.startsWith("/") ? own : user.home;
  return home?.startsWith("/") ? (home.length > 1 ? home.replace(/\/+$/, "") : home) : user.uid === 0 ? "/root" : "/";
}

// The caller is who the environment says, as for HOME; another user's name is in the passwd file, or it has none.
function userName({ uid, name }: ResolvedUser, isCaller: boolean, { env, uid: caller }: HostLookups): string {
  if (isCaller && env.USER !== undefined) return env.USER;
  if (name !== undefined) return name;
  if (uid === 0) return "root";
  return uid === caller ? (env.USER ?? String(uid)) : String(uid);
}

function wantsTerminal(flag: FlagReader, { isTerminal }: HostLookups): boolean {
  if (flag.has("--no-tty")) return false;
  return flag.has("--tty") || (isTerminal(0) && isTerminal(1));
}

function hostTexts(lookups: HostLookups): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const path of ["/etc/resolv.conf", "/etc/hosts"]) {
    const text = lookups.text(path);
    if (text !== undefined) texts.set(path, text);
  }
  return texts;
}

function rlimitsOf(flag: FlagReader, lookups: HostLookups): readonly Rlimit[] {
  const asked = flag.all("--ulimit").map((text) => parseUlimit("--ulimit", text));
  if (asked.some(({ type }) => type === "RLIMIT_NOFILE")) return asked;
  const nofile = lookups.callerNofile();
  return nofile ? [{ type: "RLIMIT_NOFILE", ...nofile }, ...asked] : asked;
}

function namespaces(flag: FlagReader, network: NetworkMode) {
  const time = flag.has("--time") || flag.all("--time-offset").length > 0;
  return [
    "user" as const,
    "pid" as const,
    "mount" as const,
    "uts" as const,
    "ipc" as const,
    "cgroup" as const,
    ...(network === "host" ? [] : (["network"] as const)),
    ...(time ? (["time"] as const) : []),
  ];
}

function timeOffsets(flag: FlagReader): Pick<Spec["linux"], "timeOffsets"> {
  const offsets = flag.all("--time-offset").map((text) => parseTimeOffset("--time-offset", text));
  return offsets.length === 0 ? {} : { timeOffsets: Object.fromEntries(offsets) };
}

function rootfsOf(flag: FlagReader, rootfs: ResolvedRootfs): Rootfs {
  const sizeText = flag.one("--overlay-size");
  const size = sizeText === undefined ? {} : { size: parseSize("--overlay-size", sizeText) };
  if (rootfs.kind === "host") return { kind: "tmpfs", ...size };
  if (flag.has("--no-overlay")) return bound(rootfs);
  const layers = rootfs.layers.length > 1 ? { layers: rootfs.layers } : {};
  return { kind: "overlay", ...size, ...layers, ...(rootfs.upper !== undefined && { upper: rootfs.upper }) };
}

function bound({ layers }: { readonly layers: readonly string[] }): Rootfs {
  if (layers.length === 1) return { kind: "bind" };
  throw requestFault(
    "Cannot use the image itself (--no-overlay)",
    `it is made of ${layers.length} layers`,
    "drop the flag",
  );
}

function imageOf(rootfs: ResolvedRootfs): RunDefaults | undefined {
  return rootfs.kind === "folder" ? rootfs.image : undefined;
}

function defaultShell(rootfs: ResolvedRootfs, { env }: HostLookups): string {
  return rootfs.kind === "host" && env.SHELL?.startsWith("/") ? env.SHELL : "/bin/sh";
}

function refuseNul({ process }: Spec): void {
  const found = [...process.args, ...process.env, process.cwd].find((text) => text.includes("\0"));
  if (found !== undefined) throw usageFault("Cannot run the command", "an argument or variable contains a NUL byte");
}
