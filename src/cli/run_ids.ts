// Which ids a sandbox has, and who writes its maps: --userns, --uidmap, --gidmap. Pure.
import { requestFault } from "../base/fault.ts";
import type { IdMapping } from "../spec/spec.ts";

export type UsernsMode = "auto" | "single" | "range" | "keep-id";
export type Range = { readonly start: number; readonly count: number };

export type IdRequest = {
  readonly mode: UsernsMode;
  /** The caller's ids. */
  readonly caller: { readonly uid: number; readonly gid: number };
  /** The command's ids inside. */
  readonly target: { readonly uid: number; readonly gid: number };
  /** The ids inside that stand for the caller where a range is mapped: root, or the caller's own on the host's view. */
  readonly self: { readonly uid: number; readonly gid: number };
  readonly hostView: boolean;
  readonly uidmap: readonly IdMapping[];
  readonly gidmap: readonly IdMapping[];
  /** Subordinate ranges, looked up only when they are asked for; a text says why there are none. */
  readonly ranges: () => { readonly uids: readonly Range[]; readonly gids: readonly Range[] } | string;
};

export type IdMaps = {
  readonly writer: "self" | "helper";
  readonly uid: readonly IdMapping[];
  readonly gid: readonly IdMapping[];
};

export function idMaps(request: IdRequest): IdMaps {
  if (request.uidmap.length > 0 || request.gidmap.length > 0) return explicitMaps(request);
  switch (request.mode) {
    case "single":
    case "keep-id":
      return singleMaps(request);
    case "range":
      return rangeMaps(request, true);
    case "auto":
      return request.hostView ? singleMaps(request) : rangeMaps(request, false);
  }
}

function singleMaps({ caller, target }: IdRequest): IdMaps {
  return {
    writer: "self",
    uid: [{ containerID: target.uid, hostID: caller.uid, size: 1 }],
    gid: [{ containerID: target.gid, hostID: caller.gid, size: 1 }],
  };
}

function rangeMaps(request: IdRequest, required: boolean): IdMaps {
  const ranges = request.ranges();
  if (typeof ranges === "string") {
    if (!required) return singleMaps(request);
    throw requestFault("Cannot map a range of ids (--userns range)", ranges, RANGE_HINT);
  }
  return {
    writer: "helper",
    uid: spread(request.self.uid, request.caller.uid, ranges.uids),
    gid: spread(request.self.gid, request.caller.gid, ranges.gids),
  };
}

const RANGE_HINT =
  "the mend for this machine:  sandbox doctor\nor do without a range:      sandbox run --userns single ...";

/** `ranges` laid out from id 0 up, with `self` left out for the caller's own id. */
export function spread(self: number, caller: number, ranges: readonly Range[]): readonly IdMapping[] {
  const mappings: IdMapping[] = [{ containerID: self, hostID: caller, size: 1 }];
  let next = self === 0 ? 1 : 0;
  for (const { start, count } of ranges) {
    const before = next < self ? Math.min(count, self - next) : 0;
    if (before > 0) mappings.push({ containerID: next, hostID: start, size: before });
    next += before;
    if (next === self) next++;
    if (count > before) mappings.push({ containerID: next, hostID: start + before, size: count - before });
    next += count - before;
  }
  return mappings.sort((a, b) => a.containerID - b.containerID);
}

// As podman: one list alone stands for both.
function explicitMaps({ uidmap, gidmap, caller }: IdRequest): IdMaps {
  const uid = uidmap.length > 0 ? uidmap : gidmap;
  const gid = gidmap.length > 0 ? gidmap : uidmap;
  const own = (maps: readonly IdMapping[], id: number): boolean =>
    maps.length === 1 && maps[0]?.size === 1 && maps[0].hostID === id;
  return { writer: own(uid, caller.uid) && own(gid, caller.gid) ? "self" : "helper", uid, gid };
}

/** Is `id` inside one of the maps? The kernel answers setresuid(2) to one that is not with a bare EINVAL. */
export function isMapped(id: number, maps: readonly IdMapping[]): boolean {
  return maps.some(({ containerID, size }) => id >= containerID && id < containerID + size);
}
