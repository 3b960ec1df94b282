// The structures that the executor reads (stage/executor.c): a program of steps, and what to clone with.
import { address, stageLaunch } from "./libc.ts";
import { struct } from "./struct.ts";

export const STEP_BYTES = 80;
export const OP_LOAD = 0xffff0001;
export const OP_STORE = 0xffff0002;
export const OP_BOUND = 0xffff0003;
export const NO_REGISTER = 0xffff;

const launchStruct = struct({
  clone_flags: "u64",
  steps: "u64",
  stack: "u64",
  stack_size: "u32",
  count: "u32",
  status_fd: "s32",
  cgroup_fd: "s32",
  catch_signals: "u32",
  pidfd: "s32",
  used_clone: "u32",
});

export type LaunchResult =
  | { readonly kind: "started"; readonly pid: number; readonly pidfd: number; readonly usedClone: boolean }
  | { readonly kind: "failed"; readonly errno: number; readonly usedClone: boolean };

const STACK_BYTES = 16384;
const STACK_ALIGNMENT = 16;

// A child may still be reading its plan, on its stack, when the caller has forgotten both.
const held: Uint8Array[] = [];

function alignUp(address: number): number {
  return Math.ceil(address / STACK_ALIGNMENT) * STACK_ALIGNMENT;
}

/**
 * Clones a child that walks `steps` (the bytes of `count` struct step). `steps` holds everything
 * that it points to, and is kept for as long as this process lives.
 */
export function launch(options: {
  readonly cloneFlags: number;
  readonly steps: Uint8Array;
  readonly count: number;
  readonly statusFd: number;
  readonly cgroupFd?: number;
  /** Signals to this process go to its SignalPipe from now on. */
  readonly catchSignals?: boolean;
}): LaunchResult {
  const stack = new Uint8Array(STACK_BYTES);
  held.push(stack, options.steps);
  const bytes = launchStruct.encode({
    clone_flags: options.cloneFlags,
    steps: address(options.steps),
    stack: alignUp(address(stack)),
    stack_size: STACK_BYTES - STACK_ALIGNMENT,
    count: options.count,
    status_fd: options.statusFd,
    cgroup_fd: options.cgroupFd ?? -1,
    catch_signals: options.catchSignals ? 1 : 0,
    pidfd: -1,
  });
  const pid = stageLaunch(bytes);
  const { pidfd, used_clone } = launchStruct.decode(bytes);
  return pid < 0
    ? { kind: "failed", errno: -pid, usedClone: used_clone === 1 }
    : { kind: "started", pid, pidfd, usedClone: used_clone === 1 };
}
