// The structures that the executor reads (stage/executor.c): a program of steps, and what to clone with.
import { address, stageLaunch } from "./libc.ts";
import { struct } from "./struct.ts";

export const STEP_BYTES = 80;
export const OP_LOAD = 0xffff0001;
export const OP_STORE = 0xffff0002;
export const NO_REGISTER = 0xffff;

const launchStruct = struct({
  clone_flags: "u64",
  steps: "u64",
  count: "u32",
  status_fd: "s32",
  cgroup_fd: "s32",
  pidfd: "s32",
  used_clone: "u32",
  reserved: "u32",
});

export type LaunchResult =
  | { readonly kind: "started"; readonly pid: number; readonly pidfd: number; readonly usedClone: boolean }
  | { readonly kind: "failed"; readonly errno: number; readonly usedClone: boolean };

/**
 * Clones a child that walks `steps` (the bytes of `count` struct step). `steps` and all memory that it points to must
 * stay in place until the status pipe has told of the child's execve or failure.
 */
export function launch(options: {
  readonly cloneFlags: number;
  readonly steps: Uint8Array;
  readonly count: number;
  readonly statusFd: number;
  readonly cgroupFd?: number;
}): LaunchResult {
  const bytes = launchStruct.encode({
    clone_flags: options.cloneFlags,
    steps: address(options.steps),
    count: options.count,
    status_fd: options.statusFd,
    cgroup_fd: options.cgroupFd ?? -1,
    pidfd: -1,
  });
  const pid = stageLaunch(bytes);
  const { pidfd, used_clone } = launchStruct.decode(bytes);
  return pid < 0
    ? { kind: "failed", errno: -pid, usedClone: used_clone === 1 }
    : { kind: "started", pid, pidfd, usedClone: used_clone === 1 };
}
