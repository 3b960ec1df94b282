// Collects every fact for `sandbox doctor`. Nothing is changed on the machine but for a moment: the live probes' children, and
// a folder in the store.
import { statfs } from "../../ffi/statfs.ts";
import { readCgroup } from "./cgroup.ts";
import { readDevice } from "./devices.ts";
import { readOverlayModule } from "./filesystems.ts";
import { type Environment, gatherUsernsFacts } from "./gather_userns_facts.ts";
import type { HostFacts, StoreFolder, SubidFacts, UsernsFacts } from "./host_facts.ts";
import { type HelperName, type HelperState, readHelper } from "./id_map_helpers.ts";
import { readKernel } from "./kernel.ts";
import { liveProbe, type MapIds, type Probe, type ProbeResult } from "./live_probe.ts";
import { readLockdown } from "./lockdown.ts";
import { readMountInfo } from "./mount_info.ts";
import { type RunTool, runTool, subidsFromNameService, userFromNameService } from "./name_service.ts";
import { readOsRelease } from "./os_release.ts";
import { PROBE_NAMES, type ProbeName } from "./probe_programs.ts";
import { readRlimits } from "./process_status.ts";
import { readHostFile } from "./read_host_file.ts";
import { foreignOverlaps, freeStart, readSubids, type SubidRanges, subidService } from "./subids.ts";

export type GatherOptions = {
  readonly env: Environment;
  /** Absolute path of the program; /proc/self/exe when absent. */
  readonly executable?: string;
  /** Existing folder where layers and upper folders are to lie. */
  readonly storeFolder?: string;
  /** Replaces the real probes, which run when it is absent. */
  readonly probe?: Probe;
  /** Runs getent(1), getsubids(1), newuidmap(1) and newgidmap(1). */
  readonly run?: RunTool;
  /** Distinguishes the store's probe folder from that of a doctor running beside; the process id will do. */
  readonly suffix: string;
};

export function gatherHostFacts(options: GatherOptions): HostFacts {
  const run = options.run ?? runTool;
  const user = withName(gatherUsernsFacts(options.env, options.executable), run);
  const kernel = readKernel();
  const { PATH } = options.env;
  const helper = (name: HelperName): HelperState => readHelper(name, PATH, user.process, user.identity.euid);
  const helpers = { newuidmap: helper("newuidmap"), newgidmap: helper("newgidmap") };
  const subids = readSubidFacts(user, run);
  const store = options.storeFolder === undefined ? undefined : readStore(options.storeFolder);
  const probe = options.probe ?? hostProbe(options, user, helpers, subids.ranges, run);
  return {
    ...user,
    kernel,
    os: readOsRelease(),
    helpers,
    subids,
    overlay: { module: readOverlayModule(kernel.release), ...(store && { store }) },
    cgroup: readCgroup(readMountInfo(), options.env, { uid: user.identity.uid, name: user.userName }),
    devices: {
      tun: readDevice("/dev/net/tun", "tun", kernel.release),
      fuse: readDevice("/dev/fuse", "fuse", kernel.release),
    },
    lockdown: readLockdown(),
    rlimits: readRlimits(),
    probes: runProbes(probe),
  };
}

/** The others need what `user` tries: without it they would only repeat its failure. */
export function runProbes(probe: Probe): Readonly<Record<ProbeName, ProbeResult>> {
  const user = probe("user");
  const after: Probe = user.kind === "failed" ? () => ({ kind: "skipped", why: "there is no user namespace" }) : probe;
  const results = PROBE_NAMES.map((name) => [name, name === "user" ? user : after(name)] as const);
  return Object.fromEntries(results) as Record<ProbeName, ProbeResult>;
}

function withName(facts: UsernsFacts, run: RunTool): UsernsFacts {
  if (facts.userName !== undefined) return facts;
  const userName = userFromNameService(facts.identity.uid, run)?.name;
  return userName === undefined ? facts : { ...facts, userName };
}

function readSubidFacts({ identity: { uid }, userName }: UsernsFacts, run: RunTool): SubidFacts {
  const owner = { name: userName, uid };
  const texts = [readHostFile("/etc/subuid") ?? "", readHostFile("/etc/subgid") ?? ""];
  const service = subidService(readHostFile("/etc/nsswitch.conf") ?? "");
  const ranges = service === "files" || userName === undefined ? readSubids(owner) : serviceRanges(userName, run);
  return {
    service,
    ranges,
    foreign: texts.flatMap((text) => foreignOverlaps(text, owner)),
    freeStart: freeStart(...texts),
  };
}

function serviceRanges(name: string, run: RunTool): SubidRanges {
  return { uids: subidsFromNameService(name, false, run), gids: subidsFromNameService(name, true, run) };
}

function readStore(path: string): StoreFolder | undefined {
  const found = statfs(path);
  if (!found) return undefined;
  const { type, nodev, noexec, available } = found;
  return { path, type, nodev, noexec, available };
}

function hostProbe(
  options: GatherOptions,
  { identity: { uid, gid } }: UsernsFacts,
  helpers: HostFacts["helpers"],
  ranges: SubidRanges,
  run: RunTool,
): Probe {
  const mapIds = rangeMapper(helpers, ranges, uid, gid, run);
  return liveProbe({
    uid,
    gid,
    suffix: options.suffix,
    ...(options.storeFolder !== undefined && { storeFolder: options.storeFolder }),
    ...(mapIds && { mapIds }),
  });
}

/** Id 0 to our own, 1 and on to the first range. */
function rangeMapper(
  { newuidmap, newgidmap }: HostFacts["helpers"],
  { uids: [uids], gids: [gids] }: SubidRanges,
  uid: number,
  gid: number,
  run: RunTool,
): MapIds | undefined {
  if (newuidmap.kind !== "ready" || newgidmap.kind !== "ready" || !uids || !gids) return undefined;
  const line = (own: number, { start, count }: typeof uids): string[] => ["0", own, "1", "1", start, count].map(String);
  return (pid) =>
    run([newuidmap.path, String(pid), ...line(uid, uids)]) !== undefined &&
    run([newgidmap.path, String(pid), ...line(gid, gids)]) !== undefined;
}
