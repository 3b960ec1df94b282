// When all that is left is to wait, this process executes the static waiter in its own place: same pid, same child, 24 kB.
import { syscall } from "../../ffi/libc.ts";
import { executeInPlace, exitNow, readableWithin, waitFor } from "../../ffi/process.ts";
import { programFd } from "../../ffi/program_fd.ts";
import type { SignalPipe } from "../../ffi/signal_pipe.ts";

const SHARED_SESSION = 1;
/** A command that ends sooner is waited for here: executing the waiter would cost more than it saves. */
const SHORT_MS = 0;

export type HandOver = {
  readonly pid: number;
  readonly pidfd: number;
  readonly signals: SignalPipe;
  readonly newSession: boolean;
  /** Descriptors whose locks live as long as the sandbox. */
  readonly keep: readonly number[];
  /** Shown by ps(1). */
  readonly title: string;
};

export function handOver({ pid, pidfd, signals, newSession, keep, title }: HandOver): never {
  if (SHORT_MS > 0 && readableWithin(pidfd, SHORT_MS)) exitNow(waitFor(pid));
  const waiter = programFd("waiter");
  syscall("prctl", "PR_SET_NAME", 15, new TextEncoder().encode("sandbox\0"));
  return executeInPlace(
    waiter.number,
    ["sandbox", `${pid} ${pidfd} ${newSession ? 0 : SHARED_SESSION} ${signals.fd}`, title],
    [pidfd, signals.fd, ...keep],
  );
}
