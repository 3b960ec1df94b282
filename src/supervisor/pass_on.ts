// A command that has ended may have sent what is still on its way. A kernel goes on sending for a process that has gone; here that is for
// the supervisor to do, whose own end takes the sandbox's network away.
import type { SignalPipe } from "../../ffi/signal_pipe.ts";
import type { Background } from "./background.ts";

/** Nothing has moved for so many milliseconds: nobody takes it. */
const PATIENCE = 3000;
/** SIGHUP, SIGINT, SIGQUIT, SIGTERM. */
const ENDS: readonly number[] = [1, 2, 3, 15];

/** Until all is passed on, no more of it is, or a signal says that nobody wants to wait for it. Then the background is over. */
export function passOn(background: Background, signals: Pick<SignalPipe, "fd" | "drain">, now: () => number): void {
  let isWaitedFor = true;
  const stop = background.watch(signals.fd, () => {
    isWaitedFor = signals.drain().every(({ signal }) => !ENDS.includes(signal));
  });
  do background.turn();
  while (background.isBusy);
  let left = background.passing;
  for (let since = now(); left !== undefined && isWaitedFor && now() - since < PATIENCE; ) {
    background.turn(Math.min(background.timeout, PATIENCE));
    const passing = background.passing;
    if (passing !== left) since = now();
    left = passing;
  }
  stop();
  background[Symbol.dispose]();
}
