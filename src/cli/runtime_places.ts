// Where a sandbox would see this program's sockets, which are for the caller alone: a command that can reach the supervisor of a network would have a
// say in it. The caller may show the folder in which they are (-v /tmp:/tmp); they are hidden there.
import type { HostLookups } from "../spec/host_lookups.ts";
import type { Mount } from "../spec/spec.ts";
import { runtimePaths } from "../state/runtime_folder.ts";

/** Paths inside. */
export function runtimePlaces(mounts: readonly Mount[], lookups: HostLookups): readonly string[] {
  const all = runtimePaths(lookups).filter((path) => lookups.kind(path) !== undefined);
  return [...new Set(all.flatMap((runtime) => placesOf(runtime, mounts)))];
}

function placesOf(runtime: string, mounts: readonly Mount[]): readonly string[] {
  return mounts.flatMap(({ type, source, destination }) => {
    if (type !== "bind" || source === undefined) return [];
    const inside = destination === "/" ? "" : destination;
    if (runtime === source) return [destination];
    if (runtime.startsWith(source === "/" ? "/" : `${source}/`)) {
      const place = `${inside}${runtime.slice(source === "/" ? 0 : source.length)}`;
      return isCovered(place, destination, mounts) ? [] : [place];
    }
    return source.startsWith(`${runtime}/`) ? [destination] : [];
  });
}

/** By another mount above it. */
function isCovered(place: string, destination: string, mounts: readonly Mount[]): boolean {
  const over = mounts.findLast((mount) => place === mount.destination || place.startsWith(`${mount.destination}/`));
  return over !== undefined && over.destination !== destination;
}
