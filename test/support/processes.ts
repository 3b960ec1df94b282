// Processes as the host sees them: who descends from whom, who carries a mark, and when one is gone.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { rawSyscall } from "../../ffi/libc.ts";
import { readableWithin } from "../../ffi/process.ts";
import type { Started } from "./workspace.ts";

/** pid and every process below it. */
export function withDescendants(pid: number): readonly number[] {
  const text = readOr(`/proc/${pid}/task/${pid}/children`, "");
  return [
    pid,
    ...text
      .split(" ")
      .filter(Boolean)
      .flatMap((child) => withDescendants(Number(child))),
  ];
}

/** Processes whose command line or environment contains `mark`, but for those of the tests themselves. */
export function marked(mark: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => `${readOr(`/proc/${name}/cmdline`, "")}${readOr(`/proc/${name}/environ`, "")}`.includes(mark))
    .map(Number);
}

/** Waits, by its pidfd, until a process has ended; true when it has within ten seconds, or never was. */
export function gone(pid: number): boolean {
  const pidfd = rawSyscall("pidfd_open", pid);
  if (pidfd < 0) return true;
  const ended = readableWithin(pidfd, 10_000);
  rawSyscall("close", pidfd);
  return ended;
}

/** Reads until `wanted` says yes; for what the kernel shows in /proc and tells nobody. */
export async function eventually<T>(read: () => T, wanted: (value: T) => boolean): Promise<T> {
  const end = performance.now() + 10_000;
  for (;;) {
    const value = read();
    if (wanted(value)) return value;
    if (performance.now() > end) throw new Error(`still ${JSON.stringify(value)} after ten seconds`);
    await new Promise(setImmediate);
  }
}

/** Waits until a supervisor has become the static waiter (ffi/stage/waiter.c). */
export async function untilWaiter(pid: number): Promise<void> {
  await eventually(
    () => exeOf(pid),
    (exe) => exe.startsWith("/memfd:sandbox-waiter"),
  );
}

/** The command of a waiter whose sandbox has but one process beside PID 1. A child may still be taking down the supervisor's memory. */
export async function commandBelow(waiter: number): Promise<number> {
  const family = await eventually(
    () => withDescendants(waiter),
    (processes) => processes.length === 3,
  );
  return family[2] ?? 0;
}

/** SIGTSTP to the supervisor of a `cat`, and SIGCONT once it has stopped and there is something to read. */
export async function stopAndGoOn(supervisor: Started): Promise<void> {
  await untilWaiter(supervisor.pid);
  const command = await commandBelow(supervisor.pid);
  supervisor.kill("SIGTSTP");
  await eventually(
    () => stateOf(command),
    (state) => state === "T",
  );
  supervisor.stdin.write("through\n");
  supervisor.kill("SIGCONT");
}

/** What a process has open, by descriptor. */
export function openFiles(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
}

/** The state letter of a process, proc_pid_stat(5). */
export function stateOf(pid: number): string {
  return readOr(`/proc/${pid}/stat`, "")
    .replace(/^.*\) /s, "")
    .charAt(0);
}

export function exeOf(pid: number): string {
  return linkOf(`/proc/${pid}/exe`);
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Proportional set size in kB. */
export function pssOf(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readOr(`/proc/${pid}/smaps_rollup`, ""))?.[1] ?? Number.NaN);
}

function readOr(path: string, fallback: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return fallback;
  }
}
