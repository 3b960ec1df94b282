// The end of a sandbox with a control group or --stats: why it ended, where the limit was the reason; its figures; and its group goes.
import { basename, dirname } from "node:path";
import { Fd } from "../../ffi/fd.ts";
import { writeAll } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { childUsage, monotonicTime } from "../../ffi/usage.ts";
import { Group } from "../cgroup/group.ts";
import { oomOf, type ReadFile, usageOf } from "../cgroup/usage.ts";
import type { Ending } from "../supervisor/ending.ts";
import { fileFault } from "./file_fault.ts";
import { note } from "./say.ts";

const KILLED = 137;
const MIB = 1 << 20;

/** `exitCode` is the sandbox's, and stays what it is. */
export function endSandbox({ group, stats, startedAt }: Ending, exitCode: number): void {
  const held = group && Group.held(new Fd(group.fd), group.path);
  const read: ReadFile = (name) => held?.read(name);
  if (group) sayOom(read, exitCode);
  if (stats) writeStats(stats, statsOf(read, group !== undefined, monotonicTime() - startedAt, exitCode));
  held?.[Symbol.dispose]();
  if (group?.isOurs) removeGroup(group.path);
}

function sayOom(read: ReadFile, exitCode: number): void {
  const { kills, limit } = oomOf(read);
  // Whoever set a limit inside is told inside.
  if (kills === 0 || limit === "below") return;
  // As it is now: it may have been changed meanwhile.
  const memoryLimit = Number(read("memory.max") ?? Number.NaN);
  const who =
    exitCode === KILLED ? "killed" : `${kills} ${kills === 1 ? "process was" : "processes were"} killed inside`;
  const why =
    limit === "own" && Number.isSafeInteger(memoryLimit)
      ? `memory limit ${memoryText(memoryLimit)} reached`
      : "memory ran out outside of the sandbox";
  note(`${who}: ${why}`);
}

/** `256 MiB`, exact. */
function memoryText(bytes: number): string {
  const mib = bytes / MIB;
  return Number.isInteger(mib) ? `${mib} MiB` : `${mib.toFixed(1)} MiB`;
}

function statsOf(read: ReadFile, hasGroup: boolean, wallSeconds: number, exitCode: number) {
  const usage = hasGroup ? usageOf(read) : { cpu: childUsage() };
  return { source: hasGroup ? "cgroup" : "rusage", exitCode, wallSeconds, ...usage };
}

function writeStats({ fd, name }: NonNullable<Ending["stats"]>, stats: object): void {
  try {
    writeAll(fd, name, new TextEncoder().encode(`${JSON.stringify(stats)}\n`));
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    note(`${name} is not complete: ${fileFault("write", name, error).fault.cause}`);
  }
}

/** One that is in use still is left to the next sandbox here. */
function removeGroup(path: string): void {
  try {
    using parent = Group.open(dirname(path));
    parent.remove(basename(path));
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    note(`the control group ${path} is left: ${error.message}`);
  }
}
