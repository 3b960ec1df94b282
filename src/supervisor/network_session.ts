// A command with a network of our own of which something has to be served from the start (a published port, a terminal beside it). For
// any other the stack is made when the command first speaks to it: late_network.ts.
import type { Fd } from "../../ffi/fd.ts";
import { receiveFd } from "../../ffi/unix_message.ts";
import { TapDevice } from "../net/device/tap_device.ts";
import type { Signals } from "./deadline.ts";
import type { StackStarter } from "./start_stack.ts";

export type NetworkSession = {
  readonly pid: number;
  readonly pidfd: number;
  readonly signals: Signals;
  readonly newSession: boolean;
  /** Where the terminal's descriptor comes by, if there is one. */
  readonly terminal: Fd | undefined;
  /** Where the device's comes by. */
  readonly network: Fd;
  /** The listener of the command's connections comes by it, too. */
  readonly bypasses: boolean;
  readonly starter: StackStarter;
};

/** Until the command has ended; its exit code. */
export async function superviseNetwork(session: NetworkSession): Promise<number> {
  const { terminal, network, bypasses, starter, ...rest } = session;
  const device = new TapDevice(receiveFd(network, "network device"));
  const bypass = bypasses
    ? { listener: receiveFd(network, "listener"), networkNamespace: device.networkNamespace() }
    : undefined;
  network.close();
  const background = starter(device, undefined, bypass);
  if (terminal)
    return (await import("./terminal_session.ts")).superviseTerminal({ ...rest, socket: terminal, background });
  return (await import("./plain_session.ts")).supervisePlain({ ...rest, background });
}
