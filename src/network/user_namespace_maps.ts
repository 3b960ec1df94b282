// The id maps of the user namespace that a network's members are nested in: each id is itself there, so that whatever maps a member's plan has
// mean the same below it as they do without. Pure.
import type { IdMapping } from "../spec/spec.ts";

export type IdRanges = {
  readonly uids: readonly { readonly start: number; readonly count: number }[];
  readonly gids: readonly { readonly start: number; readonly count: number }[];
};

export type UserNamespaceMaps = {
  /** `self`: written by the process inside; `helper`: by newuidmap(1) and newgidmap(1). */
  readonly writer: "self" | "helper";
  readonly uid: readonly IdMapping[];
  readonly gid: readonly IdMapping[];
};

/** `ranges`: the caller's subordinate ids, where they can be mapped. */
export function userNamespaceMaps(
  caller: { uid: number; gid: number },
  ranges: IdRanges | undefined,
): UserNamespaceMaps {
  const own = (id: number): IdMapping => ({ containerID: id, hostID: id, size: 1 });
  const others = (id: number, list: IdRanges["uids"]): readonly IdMapping[] =>
    list
      .flatMap(({ start, count }) => without(id, start, count))
      .map(({ start, count }) => ({ containerID: start, hostID: start, size: count }));
  if (ranges === undefined) return { writer: "self", uid: [own(caller.uid)], gid: [own(caller.gid)] };
  return {
    writer: "helper",
    uid: [own(caller.uid), ...others(caller.uid, ranges.uids)],
    gid: [own(caller.gid), ...others(caller.gid, ranges.gids)],
  };
}

/** No id may be in a map twice. */
function without(id: number, start: number, count: number): IdRanges["uids"] {
  const [before, after] = [id - start, start + count - id - 1];
  if (before < 0 || after < 0) return [{ start, count }];
  return [
    { start, count: before },
    { start: id + 1, count: after },
  ].filter((range) => range.count > 0);
}
