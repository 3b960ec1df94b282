// Accept=no of systemd.socket(5): nothing runs until there is a client; then one instance, which has the sockets themselves and
// takes the clients from them. When it has ended, the next client starts another.
import type { Fd } from "../../ffi/fd.ts";
import type { SignalPipe } from "../../ffi/signal_pipe.ts";
import { requestFault } from "../base/fault.ts";
import type { Instance } from "../launch/start_instance.ts";
import { IdleWatch } from "./idle_watch.ts";
import { Instances } from "./instances.ts";

/** TriggerLimitIntervalSec=, TriggerLimitBurst= as systemd has them. */
const TRIGGER_INTERVAL_MS = 2000;
const TRIGGER_BURST = 20;
/** Of `sandbox run` itself: what failed once fails again. */
const FAILURES: readonly number[] = [125, 126, 127];

export type ListenFd = {
  readonly sockets: readonly Fd[];
  readonly signals: SignalPipe;
  readonly start: () => Instance;
  /** Ports at which no connection for so many milliseconds ends the instance. */
  readonly idle: { readonly ports: readonly number[]; readonly timeout: number } | undefined;
  /** Milliseconds. */
  readonly now: () => number;
  readonly tell: (text: string) => void;
};

/** Until a signal ends it, or the sandbox cannot be made; the exit code. */
export function serveListenFd(listening: ListenFd): number {
  const { sockets, signals, start, now, idle } = listening;
  // What cannot be watched here is told now.
  if (idle) new IdleWatch(idle.ports, idle.timeout, now())[Symbol.dispose]();
  const instances = new Instances<"command">(signals);
  const numbers = sockets.map(({ number }) => number);
  let starts: readonly number[] = [];
  for (;;) {
    const { told, sockets: ready } = instances.wait(numbers);
    if (told) return 0;
    if (ready.length === 0) continue;
    const time = now();
    starts = [...starts.filter((before) => time - before < TRIGGER_INTERVAL_MS), time];
    if (starts.length > TRIGGER_BURST) throw triggeredTooOften();
    instances.add(start(), "command");
    const end = untilEnd(instances, listening);
    if (end !== undefined) return end;
  }
}

/** Until the one that runs has ended; the exit code where that is the end of all. */
function untilEnd(instances: Instances<"command">, { idle, now, tell }: ListenFd): number | undefined {
  using watch = idle && new IdleWatch(idle.ports, idle.timeout, now());
  for (;;) {
    const { told, ended } = instances.wait(watch ? [watch.fd] : [], watch?.remaining(now()));
    const [last] = ended;
    if (last && FAILURES.includes(last.exitCode)) return last.exitCode;
    if (last && last.exitCode !== 0 && !told)
      tell(`the command ended with status ${last.exitCode}; waiting for the next client`);
    if (told) {
      instances.endAll(now);
      return 0;
    }
    if (last) return undefined;
    // A client that comes from here on waits in the backlog for the next instance, if this one does not take it any more.
    if (watch?.isIdle(now())) return instances.endAll(now, 1) > 0 ? 0 : undefined;
  }
}

function triggeredTooOften() {
  return requestFault(
    "Cannot go on listening (--listen)",
    `the command was started ${TRIGGER_BURST} times within ${TRIGGER_INTERVAL_MS / 1000} s and left its clients waiting each time`,
    "it has to accept(2) them from descriptor 3 ($LISTEN_FDS); for a command that talks to one client on standard input and output: --listen-mode inetd",
  );
}
