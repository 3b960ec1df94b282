// Signals to a process that has no command yet, and for a while has none: a SignalPipe that tells of each from the start.
import { Fd } from "./fd.ts";
import { Launch } from "./launch.ts";
import { memoryAt, STAGE_ADDRESSES } from "./libc.ts";
import { pipe } from "./pipe.ts";
import { waitFor } from "./process.ts";
import { SignalPipe } from "./signal_pipe.ts";

const STARTED = 1;

/** From now on no signal that can be caught ends this process: whoever reads the pipe does. */
export function catchSignals(): SignalPipe {
  const signals = new SignalPipe();
  new Int32Array(memoryAt(STAGE_ADDRESSES.signalState, 8).buffer)[STARTED] = 1;
  // The handler is installed by a launch: one of a child that waits for the end of a pipe, and gets it.
  const { read, write } = pipe("idle");
  const idle = new Launch({ cloneFlags: 0, statusFd: read.number, catchSignals: true, idle: true });
  const child = idle.start();
  write.close();
  read.close();
  if (child.kind === "started") {
    new Fd(child.pidfd).close();
    waitFor(child.pid);
  }
  idle.forget();
  return signals;
}
