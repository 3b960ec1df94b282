// The current directory: shown at its own path, writable, and worked in; but never the whole home folder or more. Pure.

import type { HostLookups } from "../spec/host_lookups.ts";
import type { Mount } from "../spec/spec.ts";
import { parseInsidePath } from "./parse/values.ts";
import type { ResolvedRootfs } from "./run_spec.ts";

export type WorkingFolder = {
  readonly cwd: string;
  readonly mounts: readonly Mount[];
  readonly notes: readonly string[];
};

const KERNEL = ["/proc", "/sys", "/dev"];

export function workingFolder(
  rootfs: ResolvedRootfs,
  asked: string | undefined,
  home: string,
  lookups: HostLookups,
): WorkingFolder {
  const wanted = asked === undefined ? undefined : parseInsidePath("--workdir", asked);
  if (rootfs.kind !== "host") return { cwd: wanted ?? rootfs.image?.workingDir ?? "/", mounts: [], notes: [] };
  const reason = whyNotShown(lookups.cwd, lookups.env.HOME);
  if (reason !== undefined) {
    const note = `the current directory is not shown in the sandbox: ${reason}`;
    return { cwd: wanted ?? home, mounts: [], notes: [note] };
  }
  const { cwd } = lookups;
  return {
    cwd: wanted ?? cwd,
    mounts: [{ type: "bind", source: cwd, destination: cwd, options: ["rw", "nosuid", "nodev"] }],
    notes: [],
  };
}

/** Why `cwd` is not shown, given the caller's HOME; `undefined` where it is. */
export function whyNotShown(cwd: string, home: string | undefined): string | undefined {
  if (cwd === "/") return "it is the root of the file system";
  if (home?.startsWith(cwd)) {
    const rest = home.slice(cwd.length);
    if (isSlashes(rest)) return "it is your home folder; change into a project, or use -v";
    if (rest[0] === "/") return "your home folder lies in it; change into a project, or use -v";
  }
  for (const path of KERNEL) if (cwd === path || cwd.startsWith(`${path}/`)) return `${path} is the sandbox's own`;
  return undefined;
}

function isSlashes(text: string): boolean {
  for (const character of text) if (character !== "/") return false;
  return true;
}
