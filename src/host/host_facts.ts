// Everything about this machine that decides whether and how a sandbox can run here. Data only: gathered once, by
// gather_host_facts.ts, and judged by pure functions.
import type { AppArmor } from "./apparmor.ts";
import type { CgroupFacts } from "./cgroup.ts";
import type { Container } from "./container.ts";
import type { DeviceState } from "./devices.ts";
import type { HelperName, HelperState } from "./id_map_helpers.ts";
import type { Identity } from "./identity.ts";
import type { Kernel } from "./kernel.ts";
import type { ProbeResult } from "./live_probe.ts";
import type { Lockdown } from "./lockdown.ts";
import type { ModuleState } from "./modules.ts";
import type { RootMount } from "./mount_info.ts";
import type { OsRelease } from "./os_release.ts";
import type { ProbeName } from "./probe_programs.ts";
import type { ProcessStatus, Rlimits } from "./process_status.ts";
import type { SELinux } from "./selinux.ts";
import type { SubidLine, SubidRanges } from "./subids.ts";
import type { UsernsLimits } from "./userns_limits.ts";

export type HostFacts = UsernsFacts & {
  readonly kernel: Kernel;
  readonly os: OsRelease;
  readonly helpers: Readonly<Record<HelperName, HelperState>>;
  readonly subids: SubidFacts;
  readonly overlay: { readonly module: ModuleState; readonly store?: StoreFolder };
  readonly cgroup: CgroupFacts;
  readonly devices: { readonly tun: DeviceState; readonly fuse: DeviceState };
  readonly lockdown: Lockdown;
  readonly rlimits: Rlimits;
  readonly probes: Readonly<Record<ProbeName, ProbeResult>>;
};

/** What explains why a launch failed: cheap enough to be read when it has. */
export type UsernsFacts = {
  readonly identity: Identity;
  /** Our account's name; absent when no source knows our uid. */
  readonly userName?: string;
  /** Absolute path of the program that clones: what an AppArmor profile attaches to. */
  readonly executable: string;
  readonly userns: UsernsLimits;
  readonly apparmor: AppArmor;
  readonly selinux: SELinux;
  readonly container: Container;
  readonly process: ProcessStatus;
  readonly root?: RootMount;
  readonly procMasks: readonly string[];
};

export type SubidFacts = {
  /** The source of the ranges: `files`, or the service that nsswitch.conf(5) names. */
  readonly service: string;
  readonly ranges: SubidRanges;
  /** Other users' lines that share ids with ours. */
  readonly foreign: readonly SubidLine[];
  /** The first id that a new range could begin with. */
  readonly freeStart: number;
};

export type StoreFolder = {
  readonly path: string;
  /** The file system's magic number, statfs(2). */
  readonly type: number;
  readonly nodev: boolean;
  readonly noexec: boolean;
  /** Free space in bytes. */
  readonly available: number;
};
