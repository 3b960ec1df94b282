// The descriptors that parent and child share: made before the plan, since their numbers are part of it.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import { pipe, socketPair } from "../../ffi/pipe.ts";
import { programFd } from "../../ffi/program_fd.ts";

/** Whether the child waits to be released, has a terminal, and a network of our own: what decides which descriptors there are. */
export type ChannelNeeds = { readonly waits: boolean; readonly terminal: boolean; readonly network: boolean };

export class ExecChannels implements Disposable {
  readonly status: { readonly read: Fd; readonly write: Fd };
  readonly release: { readonly read: Fd; readonly write: Fd } | undefined;
  readonly terminal: { readonly ours: Fd; readonly theirs: Fd } | undefined;
  readonly network: { readonly ours: Fd; readonly theirs: Fd } | undefined;
  readonly init: Fd;

  constructor({ waits, terminal, network }: ChannelNeeds) {
    this.status = pipe("status");
    this.release = waits ? pipe("release") : undefined;
    this.terminal = terminal ? socketPair("terminal") : undefined;
    this.network = network ? socketPair("network device") : undefined;
    this.init = programFd("init");
  }

  /** After the clone: what the child alone holds from now on. */
  closeTheirs(): void {
    this.status.write.close();
    this.release?.read.close();
    this.terminal?.theirs.close();
    this.network?.theirs.close();
    this.init.close();
  }

  [Symbol.dispose](): void {
    this.closeTheirs();
    this.status.read.close();
    this.release?.write.close();
    this.terminal?.ours.close();
    this.network?.ours.close();
  }
}

export const NO_DESCRIPTOR = -ERRNO.EBADF;
