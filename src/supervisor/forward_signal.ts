// A signal to the supervisor becomes one to the sandbox: what the waiter does (ffi/stage/waiter.c, forward), for a supervisor that has more to do.
import { rawSyscall } from "../../ffi/libc.ts";
import type { CaughtSignal } from "../../ffi/signal_pipe.ts";

const SIG = { CONT: 18, STOP: 19, TSTP: 20, TTIN: 21, TTOU: 22 } as const;
const STOPS_A_JOB: readonly number[] = [SIG.TSTP, SIG.TTIN, SIG.TTOU];
const SI_QUEUE = -1;
const SIGINFO_BYTES = 128;

/**
 * A terminal signals the whole foreground group. A command in a session of its own is not in it, so its group is told (value 1, see
 * ffi/stage/init.c); one that shares ours has been told by the terminal already.
 */
export function forwardSignal(pidfd: number, sharedSession: boolean, { signal, fromKernel }: CaughtSignal): void {
  const group = fromKernel || signal === SIG.CONT;
  if (!(fromKernel && sharedSession)) rawSyscall("pidfd_send_signal", pidfd, signal, group ? markedInfo(signal) : 0, 0);
  if (fromKernel && STOPS_A_JOB.includes(signal)) rawSyscall("kill", rawSyscall("getpid"), SIG.STOP);
}

/** siginfo_t (rt_sigqueueinfo(2)): number, errno, code, padding, pid, uid, value. */
function markedInfo(signal: number): Int32Array {
  const info = new Int32Array(SIGINFO_BYTES / 4);
  info[0] = signal;
  info[2] = SI_QUEUE;
  info[6] = 1;
  return info;
}
