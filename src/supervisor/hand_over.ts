// When all that is left is to wait, this process executes the static waiter in its own place: same pid, same child, 24 kB.

import { syscall } from "../../ffi/libc.ts";
import { linger } from "../../ffi/linger.ts";
import { executeInPlace } from "../../ffi/process.ts";
import { programFd } from "../../ffi/program_fd.ts";
import type { SignalPipe } from "../../ffi/signal_pipe.ts";
import { titleOf } from "./title.ts";

const SHARED_SESSION = 1;

export type HandOver = {
  readonly pid: number;
  readonly pidfd: number;
  readonly signals: SignalPipe;
  readonly newSession: boolean;
  /** Descriptors whose locks live as long as the sandbox. */
  readonly keep: readonly number[];
  /** One more, by which others see whether this process lives: none of its children may have it for a moment longer. */
  readonly lock?: number | undefined;
  /** What runs inside, for ps(1). */
  readonly command: readonly string[];
};

export function handOver({ pid, pidfd, signals, newSession, keep, lock, command }: HandOver): never {
  const waiter = programFd("waiter");
  if (lock === undefined) linger();
  syscall("prctl", "PR_SET_NAME", 15, new TextEncoder().encode("sandbox\0"));
  return executeInPlace(
    waiter.number,
    ["sandbox", `${pid} ${pidfd} ${newSession ? 0 : SHARED_SESSION} ${signals.fd}`, titleOf(command)],
    [pidfd, signals.fd, ...keep, ...(lock === undefined ? [] : [lock])],
  );
}
