// What the kernel offers to lock a command down with: seccomp(2) actions, the Landlock ABI, and two sysctls that matter.
import { rawSyscall } from "../../ffi/libc.ts";
import { readHostFile, readHostNumber } from "./read_host_file.ts";

export type Lockdown = {
  /** Names of /proc/sys/kernel/seccomp/actions_avail; empty without seccomp filters. */
  readonly seccompActions: readonly string[];
  readonly landlock: Landlock;
  /** kernel.yama.ptrace_scope; absent without Yama. */
  readonly ptraceScope?: number;
  /** vm.memfd_noexec of this pid namespace; absent before 6.3. */
  readonly memfdNoexec?: number;
};

export type Landlock =
  | { readonly kind: "abi"; readonly version: number }
  /** ENOSYS: not in the kernel. EOPNOTSUPP: in it, and not enabled at boot (landlock_create_ruleset(2)). */
  | { readonly kind: "unavailable"; readonly why: "not-built" | "not-enabled" };

const LANDLOCK_CREATE_RULESET_VERSION = 1;
const ENOSYS = 38;

export function readLockdown(): Lockdown {
  const ptraceScope = readHostNumber("/proc/sys/kernel/yama/ptrace_scope");
  const memfdNoexec = readHostNumber("/proc/sys/vm/memfd_noexec");
  return {
    seccompActions: parseActions(readHostFile("/proc/sys/kernel/seccomp/actions_avail")),
    landlock: decideLandlock(rawSyscall("landlock_create_ruleset", 0, 0, LANDLOCK_CREATE_RULESET_VERSION)),
    ...(ptraceScope !== undefined && { ptraceScope }),
    ...(memfdNoexec !== undefined && { memfdNoexec }),
  };
}

export function parseActions(text: string | undefined): readonly string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

/** `result`: the ABI version, or a negated errno. */
export function decideLandlock(result: number): Landlock {
  if (result > 0) return { kind: "abi", version: result };
  return { kind: "unavailable", why: result === -ENOSYS ? "not-built" : "not-enabled" };
}
