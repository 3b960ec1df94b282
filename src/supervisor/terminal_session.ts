// The caller's terminal and the sandbox's, joined: bytes both ways, window size, signals, and the caller's modes put back
// on every way out. One poll loop; nothing is read while what was read before has not been written.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { type Interest, POLLIN, POLLOUT, poll } from "../../ffi/poll.ts";
import { waitFor } from "../../ffi/process.ts";
import type { CaughtSignal } from "../../ffi/signal_pipe.ts";
import { rawModes, restoreModes, setWindowSize, terminalModes, windowSize } from "../../ffi/terminal.ts";
import { receiveFd } from "../../ffi/unix_message.ts";
import type { Background } from "./background.ts";
import type { Signals } from "./deadline.ts";
import { passOn } from "./pass_on.ts";

const SIG = { CONT: 18, WINCH: 28 } as const;
const END_OF_TRANSMISSION = 4;
const READ_BYTES = 16384;
/** No more than a terminal takes without making the writer wait. */
const WRITE_BYTES = 2048;

export type TerminalSession = {
  readonly pid: number;
  readonly pidfd: number;
  readonly socket: Fd;
  readonly signals: Signals;
  readonly background: Background | undefined;
};

/** Until the command has ended and its last output is written; its exit code. */
export function superviseTerminal({ pid, pidfd, socket, signals, background }: TerminalSession): number {
  using master = receiveFd(socket, "terminal");
  const modes = terminalModes(0);
  const session = new Session(master.number, pidfd, signals, modes, background);
  if (modes) restoreModes(0, rawModes(modes));
  try {
    session.run();
    if (background) passOn(background, signals, () => performance.now());
  } finally {
    if (modes) restoreModes(0, modes);
  }
  return waitFor(pid);
}

class Session {
  readonly #master: number;
  readonly #pidfd: number;
  readonly #signals: Signals;
  readonly #modes: Uint8Array | undefined;
  readonly #background: Background | undefined;
  /** Read from the caller, not yet written to the sandbox; and the reverse. */
  #inward = new Uint8Array(0);
  #outward = new Uint8Array(0);
  #inputOpen = true;
  #outputOpen = true;
  #masterOpen = true;
  #running = true;

  constructor(
    master: number,
    pidfd: number,
    signals: Signals,
    modes: Uint8Array | undefined,
    background: Background | undefined,
  ) {
    this.#background = background;
    this.#master = master;
    this.#pidfd = pidfd;
    this.#signals = signals;
    this.#modes = modes;
  }

  run(): void {
    while (this.#running || (this.#masterOpen && this.#outputOpen) || this.#outward.length > 0) this.#turn();
  }

  #turn(): void {
    const timeout = this.#background?.timeout ?? Number.POSITIVE_INFINITY;
    const [signals = 0, ended = 0, input = 0, output = 0, master = 0] = poll(this.#interests(), timeout);
    this.#background?.turn();
    if (signals) for (const caught of this.#signals.drain()) this.#onSignal(caught);
    if (ended) this.#running = false;
    if (input) this.#readInput();
    if (output) this.#writeOutput();
    if (master & ~POLLOUT) this.#readMaster();
    if (master & POLLOUT) this.#writeMaster();
  }

  // A negative descriptor is passed over by ppoll(2).
  #interests(): readonly Interest[] {
    const toMaster = this.#inward.length > 0 ? POLLOUT : 0;
    const fromMaster = this.#outward.length === 0 ? POLLIN : 0;
    const wantsMaster = this.#masterOpen && toMaster + fromMaster > 0;
    return [
      { fd: this.#signals.fd, events: POLLIN },
      { fd: this.#running ? this.#pidfd : -1, events: POLLIN },
      { fd: this.#inputOpen && this.#inward.length === 0 ? 0 : -1, events: POLLIN },
      { fd: this.#outward.length > 0 ? 1 : -1, events: POLLOUT },
      { fd: wantsMaster ? this.#master : -1, events: toMaster + fromMaster },
      { fd: this.#background?.fd ?? -1, events: POLLIN },
    ];
  }

  #readInput(): void {
    const buffer = new Uint8Array(READ_BYTES);
    const got = rawSyscall("read", 0, buffer, buffer.length);
    if (got > 0) this.#inward = buffer.subarray(0, got);
    else if (got !== -ERRNO.EINTR && got !== -ERRNO.EAGAIN) {
      this.#inputOpen = false;
      this.#inward = Uint8Array.of(END_OF_TRANSMISSION);
    }
  }

  // EIO: the last slave is closed, by everyone (pty(7)).
  #readMaster(): void {
    const buffer = new Uint8Array(READ_BYTES);
    const got = rawSyscall("read", this.#master, buffer, buffer.length);
    if (got > 0) this.#outward = this.#outputOpen ? buffer.subarray(0, got) : new Uint8Array(0);
    else if (got !== -ERRNO.EINTR && got !== -ERRNO.EAGAIN) this.#masterOpen = false;
  }

  #writeMaster(): void {
    const put = rawSyscall("write", this.#master, this.#inward, this.#inward.length);
    if (put > 0) this.#inward = this.#inward.subarray(put);
    else if (put !== -ERRNO.EINTR && put !== -ERRNO.EAGAIN) this.#inward = new Uint8Array(0);
  }

  #writeOutput(): void {
    const put = rawSyscall("write", 1, this.#outward, Math.min(this.#outward.length, WRITE_BYTES));
    if (put > 0) this.#outward = this.#outward.subarray(put);
    else if (put !== -ERRNO.EINTR && put !== -ERRNO.EAGAIN) {
      this.#outputOpen = false;
      this.#outward = new Uint8Array(0);
    }
  }

  #onSignal({ signal }: CaughtSignal): void {
    if (signal === SIG.WINCH || signal === SIG.CONT) this.#refresh();
    if (signal !== SIG.WINCH) rawSyscall("pidfd_send_signal", this.#pidfd, signal, 0, 0);
  }

  // After a stop the shell has put its own modes back; a window may have changed meanwhile.
  #refresh(): void {
    if (this.#modes) restoreModes(0, rawModes(this.#modes));
    const size = windowSize(0) ?? windowSize(1);
    if (size) setWindowSize(this.#master, size);
  }
}
