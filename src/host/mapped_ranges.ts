// The ids that this process may map further, where it has been given its own user namespace: those that are themselves there (src/network, the one
// that a network's members are nested in), but for its own. Lines of user_namespaces(7): first id inside, first outside, count.
import { readHostFile } from "./read_host_file.ts";
import type { SubidRange, SubidRanges } from "./subids.ts";

/** Why there are none, or the ranges. */
export function mappedRanges(uid: number, gid: number): SubidRanges | string {
  const uids = rangesIn(readHostFile("/proc/self/uid_map") ?? "", uid);
  const gids = rangesIn(readHostFile("/proc/self/gid_map") ?? "", gid);
  if (uids.length > 0 && gids.length > 0) return { uids, gids };
  return "whoever brought this network up had no range of ids to map";
}

export function rangesIn(map: string, own: number): readonly SubidRange[] {
  return map.split("\n").flatMap((line) => {
    const [start, , count] = (/^ *(\d+) +(\d+) +(\d+)$/.exec(line) ?? []).slice(1).map(Number);
    const isOther = start !== undefined && count !== undefined && !(start === own && count === 1);
    return isOther ? [{ start, count }] : [];
  });
}
