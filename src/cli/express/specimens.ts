// Plans of the commonest command lines, made when the program is built from a caller that does not exist: whatever differs from
// one start to the next has a value that occurs nowhere else, so that prebuilt_plans.ts finds it in the steps again. They come
// out of the very functions that every other start goes through.
import { plan } from "../../plan/plan.ts";
import type { ExecInputs } from "../../plan/plan_process.ts";
import type { Step } from "../../plan/step.ts";
import type { HostLookups } from "../../spec/host_lookups.ts";
import { type Entry, OWN_FILES, SYSTEM_FOLDERS } from "../../spec/host_view.ts";
import { runCommand } from "../commands/run.table.ts";
import { parseArguments } from "../parse/arguments.ts";
import { resolverText } from "../resolver_text.ts";
import { buildSpec, folderRootfs, type ResolvedRootfs } from "../run_spec.ts";
import { NAMESERVERS } from "./prebuilt_network.ts";

/** Values of 32 bits that stand for numbers. */
export const NUMBERS = {
  statusRead: 0x5a000001,
  status: 0x5a000002,
  release: 0x5a000003,
  init: 0x5a000004,
  started: 0x5a000005,
  uid: 0x5a000006,
  gid: 0x5a000007,
  memfdFlags: 0x5a000009,
  signalPipe: 0x5a00000a,
  network: 0x5a00000b,
} as const;

const SEARCH = "search-of-the-host";
const RANGE = 65_536;

/** Texts that stand for paths and contents. */
export const TEXTS = {
  cwd: "/{cwd}",
  home: "/home/{home}",
  root: "/{root}",
  uidMap: `${NUMBERS.uid} ${NUMBERS.uid} 1\n`,
  gidMap: `${NUMBERS.gid} ${NUMBERS.gid} 1\n`,
  rootUidMap: `0 ${NUMBERS.uid} 1\n`,
  rootGidMap: `0 ${NUMBERS.gid} 1\n`,
  pingGroups: `${NUMBERS.gid} ${NUMBERS.gid}`,
  pingRange: `0 ${RANGE}`,
  resolver: resolverText(NAMESERVERS, [SEARCH]),
  "/etc/resolv.conf": "/{resolv.conf}",
  "/etc/hosts": "/{hosts}",
  "/etc/hostname": "/{hostname}",
} as const;

/** Stand for what the waiter is executed with. */
export const WAITER_ARGUMENTS = "{waiter arguments}";
export const WAITER_ENVIRONMENT = "{waiter environment}";

export const linkText = (path: string): string => `{link ${path}}`;

export type SpecimenKind = "host" | "links" | "overlay-single" | "overlay-range";

export type Specimen = { readonly cloneFlags: readonly string[]; readonly steps: readonly Step[] };

/** The plan of `kind`, with `filter` as its seccomp filter, and with a network of its own or none. */
export function specimen(kind: SpecimenKind, filter: Uint8Array, net: "slirp" | "none"): Specimen {
  const overlay = kind === "overlay-single" || kind === "overlay-range";
  const rootfs: ResolvedRootfs = overlay ? folderRootfs(TEXTS.root) : hostRoot(kind);
  const userns = kind === "overlay-range" ? "range" : "single";
  const lookups = lookupsOf(overlay);
  const ranges = () => ({ uids: [{ start: 100_000, count: RANGE }], gids: [{ start: 100_000, count: RANGE }] });
  const parsed = parseArguments(runCommand, ["--userns", userns, "--net", net, "--", "/command"]);
  const { spec, directories } = buildSpec({ parsed, rootfs, lookups, ranges });
  return plan(spec, { directories, uid: lookups.uid, gid: lookups.gid }, inputsOf(filter));
}

function hostRoot(kind: SpecimenKind): ResolvedRootfs {
  const entry = (path: string): Entry =>
    kind === "links" ? { kind: "symlink", target: linkText(path) } : { kind: "directory" };
  const files = OWN_FILES.filter((path) => path !== "/etc/mtab").map((path) => [path, TEXTS[path]] as const);
  return {
    kind: "host",
    view: { entries: new Map(SYSTEM_FOLDERS.map((path) => [path, entry(path)])), files: new Map(files) },
  };
}

function lookupsOf(overlay: boolean): HostLookups {
  return {
    cwd: TEXTS.cwd,
    // Only on the host's view are the caller's ids those of the command.
    uid: NUMBERS.uid,
    gid: NUMBERS.gid,
    env: { HOME: TEXTS.home },
    kind: () => "directory",
    text: (path) => (path === "/etc/resolv.conf" ? `search ${SEARCH}\n` : ""),
    textInRoot: () => (overlay ? "" : undefined),
    kindInRoot: () => undefined,
    callerNofile: () => ({ soft: 1, hard: 1 }),
    isTerminal: () => false,
  };
}

function inputsOf(filter: Uint8Array): ExecInputs {
  return {
    statusFd: NUMBERS.status,
    releaseFd: NUMBERS.release,
    parentOnly: [NUMBERS.statusRead],
    startedAddress: NUMBERS.started,
    initFd: NUMBERS.init,
    terminalFd: -1,
    networkFd: NUMBERS.network,
    candidates: [],
    filters: [filter],
  };
}
