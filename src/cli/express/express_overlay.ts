// A folder or an unpacked Alpine release on the short way, copy-on-write, root inside: with the caller's own id alone, or with a
// range of subordinate ones.
import { modeOf, S_IFDIR, S_IFMT } from "../../../ffi/file.ts";
import { alpineVersion, findAlpine } from "../../../rootfs-builder/alpine/find_alpine.ts";
import { RootfsError } from "../../../rootfs-builder/rootfs_error.ts";
import type { InUse } from "../../../rootfs-builder/store/in_use.ts";
import type { Ownership } from "../../../rootfs-builder/store/layout.ts";
import { findUser } from "../../host/passwd.ts";
import { textInRoot } from "../../host/read_lookups.ts";
import type { SubidRanges } from "../../host/subids.ts";
import { likelyRanges, subordinateRanges } from "../../host/subordinate_ranges.ts";
import { helperArguments } from "../../launch/id_map_helpers.ts";
import type { Parsed } from "../command.ts";
import { mapText } from "../map_text.ts";
import { buildEnvironment } from "../run_env.ts";
import { spread } from "../run_ids.ts";
import { storeFolder } from "../store_folder.ts";
import { fillPingGroups, fillResolver, networkOf } from "./express_network.ts";
import type { Express } from "./express_run.ts";
import { PlanMemory } from "./plan_memory.ts";
import { PREBUILT } from "./prebuilt_overlay.ts";
import { takeLimit } from "./take_limit.ts";

/** devpts(5): the prebuilt plan with a range has `gid=5` mapped. */
const TTY_GROUP = 5;
const ROOT = 0;

/** `undefined` where the prebuilt plans do not fit the command line or the caller. */
export function expressOverlay(parsed: Parsed, env: NodeJS.ProcessEnv): Express | undefined {
  const { values } = parsed;
  const network = networkOf(parsed);
  if (network === undefined) return undefined;
  const ids = idsOf(values.get("--userns")?.[0] ?? "auto", env.PATH);
  const root = ids && rootOf(parsed, env, ids);
  const plan = ids && (ids.ranges ? PREBUILT.range : PREBUILT.single);
  const memory = plan ? PlanMemory.map(plan) : undefined;
  if (root === undefined || ids === undefined || memory === undefined) return undefined;
  const complete = (pid: number) => completed({ memory, network }, root.path, ids, parsed, env, pid);
  return { memory, network, lock: root.lock, complete };
}

function completed(
  { memory, network }: Pick<Express, "memory" | "network">,
  root: string,
  { uid, gid, ranges }: Ids,
  parsed: Parsed,
  env: NodeJS.ProcessEnv,
  pid: number,
): readonly string[] | undefined {
  memory.perform("look");
  if (!takeLimit(memory) || !fillResolver(memory, network)) return undefined;
  memory.fillText("root", root);
  if (ranges === undefined) fillIds(memory, uid, gid);
  else startMaps(memory, pid, mapsOf(uid, gid, ranges));
  if (ranges === undefined) memory.add("ids");
  if (network === "slirp") memory.add("permissions");
  for (const piece of ["begin", "root"]) memory.add(piece);
  if (ranges === undefined) memory.release();
  const account = findUser(textInRoot([root], "/etc/passwd") ?? "", ROOT);
  const home = account?.home.startsWith("/") ? account.home : "/root";
  const lookups = { env, cwd: "/", text: () => undefined };
  const environment = buildEnvironment({ parsed, lookups, host: false, home, user: account?.name ?? "root", cwd: "/" });
  if (ranges === undefined) return environment;
  memory.perform("await maps");
  if (memory.word("map uid status") !== 0 || memory.word("map gid status") !== 0) return undefined;
  memory.release();
  return environment;
}

function startMaps(memory: PlanMemory, pid: number, { uid, gid }: ReturnType<typeof mapsOf>): void {
  fillPingGroups(memory, ROOT, gid.reduce((sum, { size }) => sum + size, 0) - 1);
  memory.fillVector("map uid arguments", helperArguments("newuidmap", pid, uid));
  memory.fillVector("map gid arguments", helperArguments("newgidmap", pid, gid));
  memory.assign("map uid");
  memory.assign("map gid");
  memory.perform("start maps");
}

type Root = Pick<InUse, "path"> & Partial<InUse>;

/** A folder, or a release that the store has; by its absolute path. */
function rootOf({ values }: Parsed, env: NodeJS.ProcessEnv, ids: Ids): Root | undefined {
  const text = values.get("--rootfs")?.[0] ?? "";
  const lookups = { env, cwd: process.cwd() };
  const version = alpineVersion(text);
  if (version !== undefined) return releaseOf(version, storeFolder(values.get("--store")?.[0], lookups), ids);
  const path = text.startsWith("/") ? text : `${lookups.cwd}/${text}`;
  return ((modeOf(path) ?? 0) & S_IFMT) === S_IFDIR && !path.endsWith("/") ? { path } : undefined;
}

function releaseOf(version: string, store: string, ids: Ids): InUse | undefined {
  try {
    return findAlpine(version, {
      store,
      arch: process.arch === "arm64" ? "aarch64" : "x86_64",
      ownership: ownershipOf(ids),
    }).found;
  } catch (error) {
    // A release that is not known: the long way says which are.
    if (error instanceof RootfsError) return undefined;
    throw error;
  }
}

function ownershipOf({ uid, gid, ranges }: Ids): Ownership {
  return ranges === undefined ? { kind: "single" } : { kind: "range", map: mapText(mapsOf(uid, gid, ranges)) };
}

function mapsOf(uid: number, gid: number, ranges: SubidRanges) {
  return { uid: spread(ROOT, uid, ranges.uids), gid: spread(ROOT, gid, ranges.gids) };
}

type Ids = { readonly uid: number; readonly gid: number; readonly ranges: SubidRanges | undefined };

function idsOf(mode: string, path: string | undefined): Ids | undefined {
  const [uid, gid] = [process.geteuid?.() ?? ROOT, process.getegid?.() ?? ROOT];
  if (uid === ROOT) return undefined;
  if (mode === "single") return { uid, gid, ranges: undefined };
  if (mode !== "auto" && mode !== "range") return undefined;
  const ranges = likelyRanges(uid) ?? subordinateRanges(uid, path);
  if (typeof ranges === "string") return mode === "auto" ? { uid, gid, ranges: undefined } : undefined;
  return (ranges.gids[0]?.count ?? 0) >= TTY_GROUP ? { uid, gid, ranges } : undefined;
}

function fillIds(memory: PlanMemory, uid: number, gid: number): void {
  for (const [name, id] of [
    ["rootUidMap", uid],
    ["rootGidMap", gid],
  ] as const) {
    const map = `${ROOT} ${id} 1\n`;
    memory.fillText(name, map);
    memory.fill(`${name} length`, map.length);
  }
}
