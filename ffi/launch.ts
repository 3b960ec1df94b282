// The structures that the executor reads (stage/executor.c): a program of steps in segments, and what to clone with.
import { address, rawSyscall, stageLaunch } from "./libc.ts";
import { struct } from "./struct.ts";

export const STEP_BYTES = 80;
export const OP_LOAD = 0xffff0001;
export const OP_STORE = 0xffff0002;
export const OP_BOUND = 0xffff0003;
export const OP_PLACE = 0xffff0004;
export const OP_LAUNCH = 0xffff0005;
export const NO_REGISTER = 0xffff;

/** See stage/executor.c. */
export const launchStruct = struct({
  clone_flags: "u64",
  segments: "u64",
  stack: "u64",
  stack_size: "u32",
  released: "u32",
  status_fd: "s32",
  cgroup_fd: "s32",
  catch_signals: "u32",
  pidfd: "s32",
  used_clone: "u32",
});

export type LaunchResult =
  | { readonly kind: "started"; readonly pid: number; readonly pidfd: number; readonly usedClone: boolean }
  | { readonly kind: "failed"; readonly errno: number; readonly usedClone: boolean };

export type LaunchOptions = {
  readonly cloneFlags: number;
  readonly statusFd: number;
  readonly cgroupFd?: number;
  /** Signals to this process go to its SignalPipe from now on. */
  readonly catchSignals?: boolean;
  /** The child performs nothing: it waits for the end of the pipe `statusFd` (executor.c, linger_main). */
  readonly idle?: boolean;
};

export const STACK_BYTES = 16384;
const STACK_ALIGNMENT = 16;
const MAX_SEGMENTS = 64;
const SEGMENT_WORDS = 4;
export const SEGMENTS_BYTES = MAX_SEGMENTS * SEGMENT_WORDS * 4;
const WORD_RANGE = 0x100000000;
const RELEASED_WORD = launchStruct.offsets.released / 4;
const FUTEX_WAKE_PRIVATE = 129;

// A child may still be reading its plan, on its stack, when the caller has forgotten both.
const held = new Set<Launch>();

/**
 * A child that performs a plan. Segments of it may be added before the child is started and while it runs: it performs
 * each as soon as it is there, and waits for the next. The last step of the last one must not return.
 */
export class Launch {
  readonly #segments = new Int32Array(MAX_SEGMENTS * SEGMENT_WORDS);
  readonly #stack = new Uint8Array(STACK_BYTES);
  readonly #launch: Uint8Array<ArrayBuffer>;
  readonly #words: Int32Array;
  readonly #memory: unknown[] = [];
  #count = 0;

  constructor({ cloneFlags, statusFd, cgroupFd = -1, catchSignals = false, idle = false }: LaunchOptions) {
    this.#launch = launchStruct.encode({
      clone_flags: cloneFlags,
      segments: idle ? 0 : address(this.#segments),
      stack: Math.ceil(address(this.#stack) / STACK_ALIGNMENT) * STACK_ALIGNMENT,
      stack_size: STACK_BYTES - STACK_ALIGNMENT,
      status_fd: statusFd,
      cgroup_fd: cgroupFd,
      catch_signals: catchSignals ? 1 : 0,
      pidfd: -1,
    });
    this.#words = new Int32Array(this.#launch.buffer);
    held.add(this);
  }

  /** Adds `count` struct step at `at` to what the child performs. They, and all that they point to, must stay in place. */
  add(at: number, count: number): void {
    if (this.#count === MAX_SEGMENTS) throw new RangeError(`a plan has at most ${MAX_SEGMENTS} segments`);
    const word = this.#count++ * SEGMENT_WORDS;
    this.#segments[word] = at | 0;
    this.#segments[word + 1] = (at / WORD_RANGE) | 0;
    this.#segments[word + 2] = count;
  }

  /** Lets the child perform what has been added so far. */
  release(): void {
    Atomics.store(this.#words, RELEASED_WORD, this.#count);
    rawSyscall("futex", address(this.#words) + RELEASED_WORD * 4, FUTEX_WAKE_PRIVATE, 1);
  }

  /** Keeps `memory` for as long as this process lives, or until {@link forget}. */
  hold(memory: unknown): void {
    this.#memory.push(memory);
  }

  /** The child has executed another program, or ended: it reads no memory of ours any more. */
  forget(): void {
    held.delete(this);
  }

  start(): LaunchResult {
    const pid = stageLaunch(this.#launch);
    const { pidfd, used_clone } = launchStruct.decode(this.#launch);
    const usedClone = used_clone === 1;
    return pid < 0 ? { kind: "failed", errno: -pid, usedClone } : { kind: "started", pid, pidfd, usedClone };
  }
}

/** Clones a child that walks one plan, complete from the start: the `count` struct step at the beginning of `steps`. */
export function launch(options: LaunchOptions & { readonly steps: Uint8Array; readonly count: number }): LaunchResult {
  const started = new Launch(options);
  started.add(address(options.steps), options.count);
  started.hold(options.steps);
  started.release();
  return started.start();
}
