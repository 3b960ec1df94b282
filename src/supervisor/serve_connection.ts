// Accept=yes of systemd.socket(5): what was handed on is a connection, and this is its service. One instance has it, at once, and is not
// started again: a connection whose other end has gone stays readable for ever.
import type { SignalPipe } from "../../ffi/signal_pipe.ts";
import type { Instance } from "../launch/start_instance.ts";
import { Instances } from "./instances.ts";

/** Until the instance ends, by itself or with us; the exit code. */
export function serveConnection(signals: SignalPipe, start: () => Instance, now: () => number): number {
  const instances = new Instances<"command">(signals);
  instances.add(start(), "command");
  for (;;) {
    const {
      told,
      ended: [last],
    } = instances.wait([]);
    if (last) return last.exitCode;
    if (!told) continue;
    instances.endAll(now);
    return 0;
  }
}
