// When all that is left is to wait, this process executes the static waiter in its own place: same pid, same child, 24 kB.

import type { Fd } from "../../ffi/fd.ts";
import { O_PATH, open } from "../../ffi/file.ts";
import { syscall } from "../../ffi/libc.ts";
import { linger } from "../../ffi/linger.ts";
import { executeInPlace } from "../../ffi/process.ts";
import { programFd } from "../../ffi/program_fd.ts";
import type { SignalPipe } from "../../ffi/signal_pipe.ts";
import { type Deadline, FLAG } from "./deadline.ts";
import { type Ending, endingVariable, heldBy } from "./ending.ts";
import { type LateNetwork, lateNetworkVariable } from "./late_network.ts";
import { titleOf } from "./title.ts";

/** Whether the command runs is known. */
const NO_STATUS = 0;

/** The socket that the network device comes by, and what its stack needs to know when there is one. */
export type SilentNetwork = { readonly socket: Fd; readonly late: LateNetwork };

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
  readonly network?: SilentNetwork;
  readonly deadline: Deadline;
  /** What is left to do when the sandbox has ended. */
  readonly ending?: Ending | undefined;
};

export function handOver(order: HandOver): never {
  const { pid, pidfd, signals, newSession, keep, lock, command, network, deadline, ending } = order;
  const waiter = programFd("waiter");
  if (lock === undefined) linger();
  syscall("prctl", "PR_SET_NAME", 15, new TextEncoder().encode("sandbox\0"));
  const program = (network ?? ending) && open("/proc/self/exe", O_PATH).number;
  const flags = deadline.flags + (newSession ? 0 : FLAG.sharedSession);
  const later = [program ?? 0, network?.socket.number ?? 0, network?.late.control?.listener ?? 0];
  const numbers = [pid, pidfd, flags, signals.fd, NO_STATUS, ...later, ending ? 1 : 0].join(" ");
  const held = [...heldBy(ending), ...keep, ...(lock === undefined ? [] : [lock])];
  return executeInPlace(
    waiter.number,
    ["sandbox", numbers, titleOf(command)],
    [...(network ? [lateNetworkVariable(network.late)] : []), ...(ending ? [endingVariable(ending)] : [])],
    [pidfd, signals.fd, ...later.filter((fd) => fd !== 0), ...held],
  );
}
