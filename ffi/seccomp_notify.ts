// The listener of a seccomp filter, seccomp_unotify(2): system calls of other processes that wait until somebody here has said what they
// come to. What a call's pointers lead to may change at any time: it is copied once, judged, and used by us alone.
import type { Fd } from "./fd.ts";
import { rawSyscall } from "./libc.ts";
import { PinnedBuffer } from "./pinned_buffer.ts";

/** struct seccomp_notif {u64 id; u32 pid; u32 flags; struct seccomp_data {s32 nr; u32 arch; u64 instruction_pointer; u64 args[6];}}. */
const NOTIFICATION_BYTES = 80;
const [ID, PID, NUMBER, ARCH, ARGUMENTS] = [0, 8, 16, 20, 32] as const;
const ARGUMENT_COUNT = 6;
/** struct seccomp_notif_resp {u64 id; s64 val; s32 error; u32 flags}, seccomp_notif_addfd {u64 id; u32 flags, srcfd, newfd, newfd_flags}. */
const ANSWER_BYTES = 24;
const RECV = 0xc0502100;
const SEND = 0xc0182101;
const ID_VALID = 0x40082102;
const ADDFD = 0x40182103;
const SET_FLAGS = 0x40082104;
const FLAG_CONTINUE = 1;
const ADDFD_FLAG_SETFD = 1;
const FD_SYNC_WAKE_UP = 1;
const O_CLOEXEC = 0o2000000;

export type CaughtCall = {
  readonly id: bigint;
  /** Of the thread, as seen from here. */
  readonly pid: number;
  /** seccomp_data.nr and seccomp_data.arch. */
  readonly number: number;
  readonly arch: number;
  /** As the registers have them. */
  readonly args: readonly bigint[];
};

export class SeccompNotify implements Disposable {
  readonly #fd: Fd;
  readonly #notification = new PinnedBuffer(NOTIFICATION_BYTES);
  readonly #answer = new PinnedBuffer(ANSWER_BYTES);
  readonly #view = new DataView(this.#notification.bytes.buffer);
  readonly #answerView = new DataView(this.#answer.bytes.buffer);

  /** Takes the descriptor over. */
  constructor(fd: Fd) {
    this.#fd = fd;
    // Caller and listener take turns: the scheduler may put one where the other was. Since Linux 6.6; without, it is only slower.
    rawSyscall("ioctl", fd.number, SET_FLAGS, FD_SYNC_WAKE_UP);
  }

  get fd(): number {
    return this.#fd.number;
  }

  /** The next call; `undefined` when the one that was announced is there no more. Waits unless {@link fd} is readable. */
  receive(): CaughtCall | undefined {
    this.#notification.bytes.fill(0);
    if (rawSyscall("ioctl", this.fd, RECV, this.#notification.address) < 0) return undefined;
    const view = this.#view;
    return {
      id: view.getBigUint64(ID, true),
      pid: view.getUint32(PID, true),
      number: view.getInt32(NUMBER, true),
      arch: view.getUint32(ARCH, true),
      args: Array.from({ length: ARGUMENT_COUNT }, (_, i) => view.getBigUint64(ARGUMENTS + 8 * i, true)),
    };
  }

  /** Whether the caller still waits: only then what was read by its number was read of it. */
  isWaiting(id: bigint): boolean {
    this.#answerView.setBigUint64(0, id, true);
    return rawSyscall("ioctl", this.fd, ID_VALID, this.#answer.address) === 0;
  }

  /** The call's result: 0 or more, or a negated errno. False when nobody waits for it any more. */
  answer(id: bigint, result: number): boolean {
    return this.#send(id, Math.max(0, result), Math.min(0, result), 0);
  }

  /** Has the kernel perform the call, as it is by then: whatever was found out about it may be true no more. */
  let(id: bigint): boolean {
    return this.#send(id, 0, 0, FLAG_CONTINUE);
  }

  /** Puts our open file `fd` in the place of the caller's descriptor `number`. False when nobody waits any more, or it has no room. */
  install(id: bigint, fd: number, number: number, closeOnExec: boolean): boolean {
    const view = this.#answerView;
    view.setBigUint64(0, id, true);
    view.setUint32(8, ADDFD_FLAG_SETFD, true);
    view.setUint32(12, fd, true);
    view.setUint32(16, number, true);
    view.setUint32(20, closeOnExec ? O_CLOEXEC : 0, true);
    return rawSyscall("ioctl", this.fd, ADDFD, this.#answer.address) >= 0;
  }

  [Symbol.dispose](): void {
    this.#fd.close();
  }

  #send(id: bigint, value: number, error: number, flags: number): boolean {
    const view = this.#answerView;
    view.setBigUint64(0, id, true);
    view.setBigInt64(8, BigInt(value), true);
    view.setInt32(16, error, true);
    view.setUint32(20, flags, true);
    return rawSyscall("ioctl", this.fd, SEND, this.#answer.address) === 0;
  }
}
