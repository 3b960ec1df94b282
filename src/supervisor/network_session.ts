// A command with a network of our own. Where something has to be served from the start (a published port, a terminal beside it), the stack is
// there by now; else it is made when the command first speaks to it.
import type { Fd } from "../../ffi/fd.ts";
import { waitFor } from "../../ffi/process.ts";
import { receiveFd } from "../../ffi/receive_fd.ts";
import type { SignalPipe } from "../../ffi/signal_pipe.ts";
import { TapDevice } from "../net/device/tap_device.ts";
import { firstFrame } from "./first_frame.ts";
import type { StackStarter } from "./start_stack.ts";

export type NetworkSession = {
  readonly pid: number;
  readonly pidfd: number;
  readonly signals: SignalPipe;
  readonly newSession: boolean;
  /** Where the terminal's descriptor comes by, if there is one. */
  readonly terminal: Fd | undefined;
  /** Where the device's comes by. */
  readonly network: Fd;
  /** The listener of the command's connections comes by it, too. */
  readonly bypasses: boolean;
  readonly starter: StackStarter | undefined;
  readonly lateStarter: () => Promise<StackStarter>;
};

/** Until the command has ended; its exit code. */
export async function superviseNetwork(session: NetworkSession): Promise<number> {
  const { terminal, network, bypasses, starter, ...rest } = session;
  const device = new TapDevice(receiveFd(network, "network device"));
  const listener = bypasses ? receiveFd(network, "listener") : undefined;
  network.close();
  if (terminal) {
    const background = (starter ?? (await session.lateStarter()))(device, undefined, listener);
    return (await import("./terminal_session.ts")).superviseTerminal({ ...rest, socket: terminal, background });
  }
  const first = starter ? undefined : firstFrame({ ...rest, device });
  if (!starter && first === undefined) return waitFor(session.pid);
  const background = (starter ?? (await session.lateStarter()))(device, first, listener);
  return (await import("./plain_session.ts")).supervisePlain({ ...rest, background });
}
