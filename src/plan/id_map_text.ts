import type { IdMapping } from "../spec/spec.ts";

/** As the kernel and newuidmap(1) take it: inside, outside, how many; user_namespaces(7). */
export function idMapText(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
}
