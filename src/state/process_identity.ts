// A process by its number and the moment of its start: the number alone is given to another one some time after its end.
import { ERRNO } from "../../ffi/errno.ts";
import { Fd } from "../../ffi/fd.ts";
import { readlink, readText } from "../../ffi/file.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { readableWithin } from "../../ffi/process.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import type { InitProcess } from "./sandbox_state.ts";

/** src/supervisor/hand_over.ts. */
const WAITER = "/memfd:sandbox-waiter";
/** Of the fields behind the name, which is in parentheses and may hold any of its own: field 3 is the first, proc_pid_stat(5). */
const START_TIME = 22 - 3;
const PARENT = 4 - 3;

/** Clock ticks since boot, of a text of /proc/PID/stat. */
export function parseStartTime(stat: string): string | undefined {
  const field = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[START_TIME];
  return field !== undefined && /^\d{1,20}$/.test(field) ? field : undefined;
}

/** `undefined` when there is no such process. */
export function startTimeOf(pid: number): string | undefined {
  try {
    return parseStartTime(readText(`/proc/${pid}/stat`) ?? "");
  } catch (error) {
    // ESRCH: it ended between open and read.
    if (error instanceof SyscallError && error.errno === ERRNO.ESRCH) return undefined;
    throw error;
  }
}

/** Whether the process is below a waiter: then nothing that takes requests has been there yet, and a request would start it. */
export function isBelowWaiter({ pid }: InitProcess): boolean {
  const stat = readText(`/proc/${pid}/stat`) ?? "";
  const parent = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[PARENT];
  return readlink(`/proc/${parent}/exe`)?.startsWith(WAITER) ?? false;
}

/** A pidfd of that very process; `undefined` when it has ended. While it has not, its number is no other's. */
export function openProcess({ pid, startTime }: InitProcess): Fd | undefined {
  const number = rawSyscall("pidfd_open", pid);
  if (number < 0) return undefined;
  const pidfd = new Fd(number);
  if (startTimeOf(pid) === startTime && !hasEnded(pidfd)) return pidfd;
  pidfd.close();
  return undefined;
}

/** A pidfd is readable once its process has ended, pidfd_open(2). */
export function hasEnded(pidfd: Fd): boolean {
  return readableWithin(pidfd.number, 0);
}
