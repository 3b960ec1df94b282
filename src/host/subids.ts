// Subordinate ids, subuid(5) and subgid(5): the ranges that newuidmap(1) and newgidmap(1) will map for this user. Both
// files are keyed by the user's name or uid; a gid is never a key, in subgid neither.
import { readHostFile } from "./read_host_file.ts";

export type SubidRange = { readonly start: number; readonly count: number };
/** One line: whose range it is, as written. */
export type SubidLine = SubidRange & { readonly owner: string };
export type Owner = { readonly name: string | undefined; readonly uid: number };
export type SubidRanges = { readonly uids: readonly SubidRange[]; readonly gids: readonly SubidRange[] };

const ID_LIMIT = 0x1_0000_0000;
/** Where useradd(8) begins to hand out ranges (SUB_UID_MIN), and how many ids it gives (SUB_UID_COUNT). */
const FIRST_START = 100_000;
export const USUAL_COUNT = 65_536;

/** Ranges of one user, in the file's order. Malformed and empty ranges are skipped, as newuidmap(1) does. */
export function subidRanges(text: string, owner: Owner): readonly SubidRange[] {
  const ranges: SubidRange[] = [];
  for (const line of text.split("\n")) {
    // Only the user's own lines are taken apart: this is on the way of a start.
    if (!line.startsWith(`${owner.uid}:`) && (owner.name === undefined || !line.startsWith(`${owner.name}:`))) continue;
    for (const { start, count } of subidLines(line)) ranges.push({ start, count });
  }
  return ranges;
}

/** Reads both files; a missing file gives no ranges. */
export function readSubids(owner: Owner): SubidRanges {
  const ranges = (path: string): readonly SubidRange[] => subidRanges(readHostFile(path) ?? "", owner);
  return { uids: ranges("/etc/subuid"), gids: ranges("/etc/subgid") };
}

export function subidLines(text: string): readonly SubidLine[] {
  return text.split("\n").flatMap((line) => {
    const match = /^([^:#\s][^:]*):(\d{1,10}):(\d{1,10})\s*$/.exec(line);
    if (!match) return [];
    const [owner = "", start, count] = [match[1], Number(match[2]), Number(match[3])];
    return count > 0 && start + count <= ID_LIMIT ? [{ owner, start, count }] : [];
  });
}

/** Lines of other users that share ids with `owner`'s: these two users can touch each other's files. */
export function foreignOverlaps(text: string, owner: Owner): readonly SubidLine[] {
  const own = subidRanges(text, owner);
  return subidLines(text).filter((line) => !owns(line, owner) && own.some((range) => overlap(range, line)));
}

/** Two of the ranges share ids: the kernel refuses such a map with EINVAL (user_namespaces(7), "Defining user and group ID mappings"). */
export function selfOverlapping(ranges: readonly SubidRange[]): boolean {
  return ranges.some((a, i) => ranges.slice(i + 1).some((b) => overlap(a, b)));
}

export function totalIds(ranges: readonly SubidRange[]): number {
  return ranges.reduce((sum, { count }) => sum + count, 0);
}

/** Start of a range of the usual size that no line of these files has: what a mend proposes. */
export function freeStart(...texts: readonly string[]): number {
  return texts.flatMap(subidLines).reduce((next, { start, count }) => Math.max(next, start + count), FIRST_START);
}

/** The service that answers for subordinate ids, nsswitch.conf(5) `subid:`; `files` without such a line. */
export function subidService(nsswitch: string): string {
  return /^\s*subid\s*:\s*([\w-]+)/m.exec(nsswitch)?.[1] ?? "files";
}

function owns({ owner }: SubidLine, { name, uid }: Owner): boolean {
  return owner === name || owner === String(uid);
}

function overlap(a: SubidRange, b: SubidRange): boolean {
  return a.start < b.start + b.count && b.start < a.start + a.count;
}
