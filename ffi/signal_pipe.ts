// Signals as bytes in a pipe. Bun's other threads have nothing blocked, so signalfd(2) would miss what they get; the handler is
// compiled (stage/executor.c) and may run in any of them.
import { Fd } from "./fd.ts";
import { memoryAt, rawSyscall, STAGE_ADDRESSES, syscall } from "./libc.ts";

const O_CLOEXEC_NONBLOCK = 0o2004000;
const RECORD_BYTES = 8;

export type CaughtSignal = {
  readonly signal: number;
  /** Sent by the kernel, e.g. on behalf of a terminal (si_code > 0). */
  readonly fromKernel: boolean;
};

/** The word that a child sets when its command is about to run (stage/executor.c, `started`). */
export const STARTED_ADDRESS = STAGE_ADDRESSES.signalState + 4;

/**
 * The pipe that the handler writes to once a launch with `catchSignals` has installed it. One at a time in a process.
 */
export class SignalPipe implements Disposable {
  readonly #read: Fd;
  readonly #write: Fd;

  constructor() {
    const ends = new Int32Array(2);
    syscall("pipe2", "signals", ends, O_CLOEXEC_NONBLOCK);
    this.#read = new Fd(ends[0] ?? -1);
    this.#write = new Fd(ends[1] ?? -1);
    const state = new Int32Array(memoryAt(STAGE_ADDRESSES.signalState, 8).buffer);
    state[0] = this.#write.number;
    state[1] = 0;
  }

  get fd(): number {
    return this.#read.number;
  }

  /** What has come since the last call. */
  drain(): readonly CaughtSignal[] {
    const records = new Int32Array(128);
    const length = rawSyscall("read", this.fd, records, records.byteLength);
    const caught: CaughtSignal[] = [];
    for (let i = 0; i + RECORD_BYTES <= length; i += RECORD_BYTES)
      caught.push({ signal: records[i / 4] ?? 0, fromKernel: (records[i / 4 + 1] ?? 0) > 0 });
    return caught;
  }

  [Symbol.dispose](): void {
    this.#read.close();
    this.#write.close();
  }
}
