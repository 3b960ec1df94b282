import type { IdMapping } from "../spec/spec.ts";

type Maps = { readonly uid: readonly IdMapping[]; readonly gid: readonly IdMapping[] };

/** What tells one layout of owners on the disk from another. */
export function mapText({ uid, gid }: Maps): string {
  const lines = (maps: readonly IdMapping[]): string =>
    maps.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`).join(",");
  return `${lines(uid)} ${lines(gid)}`;
}
