// The groups of one sandbox, in a group that is ours to divide:
//
//   sandbox      has the limits, and the figures
//     inside     has the processes; the root of their cgroup namespace
//
// Two of them, so that a sandbox that may write to its own root's files (--cgroups delegate) cannot reach its limits, whether the hierarchy is
// mounted with `nsdelegate` or not.
import { ERRNO } from "../../ffi/errno.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { CgroupError } from "./cgroup_error.ts";
import type { Group } from "./group.ts";
import { neededControllers, type ResourceFile } from "./resource_files.ts";

export const INSIDE = "inside";
/** For their figures, where they are to be had: memory.peak, pids.peak, io.stat. */
const FIGURES = ["memory", "pids", "io"];

export type GroupRequest = { readonly files: readonly ResourceFile[]; readonly delegate: boolean };

/** Makes them; throws CgroupError. The caller owns both. */
export function makeGroups(parent: Group, name: string): { readonly limits: Group; readonly inside: Group } {
  try {
    const limits = parent.make(name);
    return { limits, inside: limits.make(INSIDE) };
  } catch (error) {
    throw asCgroupError(error, (errno) => ({ kind: "make", where: parent.path, errno }));
  }
}

/** Switches controllers on in `parent`, which has no processes, and writes the limits. Throws CgroupError. */
export function limitGroup(parent: Group, limits: Group, { files, delegate }: GroupRequest): void {
  const needed = neededControllers(files);
  const available = parent.words("cgroup.controllers");
  const missing = needed.filter((controller) => !available.includes(controller));
  if (missing.length > 0) throw new CgroupError({ kind: "missing", controllers: missing, where: parent.path });
  enable(parent, needed);
  const wanted = delegate ? available : available.filter((name) => FIGURES.includes(name));
  for (const name of wanted) tryEnable(parent, name);
  for (const file of files) writeLimit(limits, file);
  if (delegate) for (const name of limits.words("cgroup.controllers")) tryEnable(limits, name);
}

export function enable(group: Group, controllers: readonly string[]): void {
  if (controllers.length === 0) return;
  try {
    group.write("cgroup.subtree_control", controllers.map((name) => `+${name}`).join(" "));
  } catch (error) {
    throw asCgroupError(error, (errno) => ({ kind: "enable", controllers, where: group.path, errno }));
  }
}

/** What nobody has asked for by name: a realtime process in the way of `cpu`, say, is no reason not to start. */
function tryEnable(group: Group, controller: string): void {
  try {
    enable(group, [controller]);
  } catch (error) {
    if (!(error instanceof CgroupError)) throw error;
  }
}

export function writeLimit(limits: Group, { file, content, isOptional }: ResourceFile): void {
  try {
    limits.write(file, content);
  } catch (error) {
    if (isOptional && error instanceof SyscallError && error.errno === ERRNO.ENOENT) return;
    throw asCgroupError(error, (errno) => ({ kind: "content", file, content, errno }));
  }
}

export function moveTo(group: Group, pid: number): void {
  try {
    group.write("cgroup.procs", String(pid));
  } catch (error) {
    throw asCgroupError(error, (errno) => ({ kind: "move", where: group.path, errno }));
  }
}

export function asCgroupError(error: unknown, failure: (errno: number) => CgroupError["failure"]): unknown {
  return error instanceof SyscallError ? new CgroupError(failure(error.errno)) : error;
}
