// A command that has just spoken to its network for the first time, or whose network somebody has asked for something: the waiter was there
// until now, and nothing of a runtime.
import { catchSignals } from "../../ffi/catch_signals.ts";
import { Fd } from "../../ffi/fd.ts";
import { readAll } from "../../ffi/file.ts";
import { unblockSignals } from "../../ffi/process.ts";
import { TapDevice } from "../net/device/tap_device.ts";
import { Deadline, FLAG } from "./deadline.ts";
import { supervisePlain } from "./plain_session.ts";
import type { StackStarter } from "./start_stack.ts";

const FRAME_BYTES = 17 * 4096;

/** `numbers`: "PID PIDFD FLAGS TAP FRAME", as the waiter puts them. Until the command has ended; its exit code. */
export function superviseLate(numbers: string, start: StackStarter): number {
  const [pid = 0, pidfd = -1, flags = 0, tap = -1, frame = -1] = numbers.trim().split(" ").map(Number);
  const deadline = Deadline.ofFlags(flags);
  const signals = deadline.watch(catchSignals());
  unblockSignals();
  const background = start(new TapDevice(new Fd(tap)), firstFrame(frame));
  const newSession = (flags & FLAG.sharedSession) === 0;
  return deadline.exitCode(supervisePlain({ pid, pidfd, signals, newSession, background }));
}

/** None where 0 stands for it. */
function firstFrame(number: number): Uint8Array | undefined {
  if (number === 0) return undefined;
  using content = new Fd(number);
  return readAll(content.number, "first frame", FRAME_BYTES);
}
