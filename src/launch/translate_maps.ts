// Id maps for a sandbox below another user namespace than the caller's: user_namespaces(7) has the second number of a line be an id of
// the parent, which here is not where the maps were thought out. Pure.
import type { IdMapping } from "../spec/spec.ts";

/** Lines of /proc/PID/uid_map, as the caller's namespace sees them. */
export function parseIdMap(text: string): readonly IdMapping[] {
  return text.split("\n").flatMap((line) => {
    const match = /^ *(\d{1,10}) +(\d{1,10}) +(\d{1,10})$/.exec(line);
    return match ? [{ containerID: Number(match[1]), hostID: Number(match[2]), size: Number(match[3]) }] : [];
  });
}

/** `maps`, from ids inside to the caller's, as maps to those of the namespace `parent`; `undefined` where it has not all of them. */
export function translateMaps(
  maps: readonly IdMapping[],
  parent: readonly IdMapping[],
): readonly IdMapping[] | undefined {
  const pieces = maps.flatMap((map) => parent.flatMap((line) => common(map, line)));
  const wanted = maps.reduce((sum, { size }) => sum + size, 0);
  const found = pieces.reduce((sum, { size }) => sum + size, 0);
  return found === wanted ? pieces.sort((a, b) => a.containerID - b.containerID) : undefined;
}

function common(map: IdMapping, line: IdMapping): readonly IdMapping[] {
  const first = Math.max(map.hostID, line.hostID);
  const end = Math.min(map.hostID + map.size, line.hostID + line.size);
  if (first >= end) return [];
  const [containerID, hostID] = [map.containerID + first - map.hostID, line.containerID + first - line.hostID];
  return [{ containerID, hostID, size: end - first }];
}
