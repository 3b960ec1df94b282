// What a filter says, before it is a program. Actions and operators are those of seccomp(2) and of the OCI runtime-spec
// (linux.seccomp); everything that can be written in that format has exactly one form here.
import type { SyscallArch } from "./arch.ts";

export type Policy = {
  /** The answer to a call that no rule speaks of. */
  readonly defaultAction: Action;
  /** The answer to a call by an entry that is not in `arches`: its numbers mean something else. */
  readonly foreignAction: Action;
  readonly arches: readonly ArchPolicy[];
};

export type ArchPolicy = {
  readonly arch: SyscallArch;
  /**
   * For one call: the first rule with conditions that all hold; else the first rule without conditions; else
   * `defaultAction`. So where an unconditional rule stands in the list does not matter to conditional ones.
   * Names that the architecture does not have are passed over.
   */
  readonly rules: readonly Rule[];
  /**
   * A number above this one that no rule names is answered with ENOSYS and not with `defaultAction`: a C library
   * falls back to an older call on ENOSYS and gives up on EPERM. As seccomp_data.nr, so with the x32 bit on x32.
   */
  readonly unknownAbove?: number;
};

export type Rule = {
  readonly names: readonly string[];
  readonly action: Action;
  /** All of them must hold. */
  readonly args?: readonly Condition[];
};

export type Condition = {
  /** Which argument of the call. */
  readonly index: ArgumentIndex;
  readonly op: Operator;
  /** Unsigned, 64 bit. For the masked operators this is the mask. */
  readonly value: bigint;
  /** For the masked operators what the masked argument is compared with; else without meaning. */
  readonly valueTwo?: bigint;
};

export type ArgumentIndex = 0 | 1 | 2 | 3 | 4 | 5;

/** The comparison is unsigned and of 64 bits; of the low 32 on 32-bit architectures, see ARGUMENT_BITS. */
export type Operator = OciOperator | "MASKED_NE";

export const OCI_OPERATORS = [
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
] as const;
export type OciOperator = (typeof OCI_OPERATORS)[number];

/** seccomp(2), "Seccomp filters". */
export type Action =
  | { readonly kind: "allow" }
  /** 0 to 4095. With 0 the call is not made and the caller sees success. */
  | { readonly kind: "errno"; readonly errno: number }
  | { readonly kind: "kill_process" }
  | { readonly kind: "kill_thread" }
  | { readonly kind: "trap" }
  | { readonly kind: "log" }
  /** 0 to 65535, what PTRACE_GETEVENTMSG gives the tracer. */
  | { readonly kind: "trace"; readonly data: number }
  | { readonly kind: "notify" };

export const ALLOW: Action = { kind: "allow" };
export const KILL_PROCESS: Action = { kind: "kill_process" };
export const EPERM = 1;
export const ENOSYS = 38;

export function errno(number: number): Action {
  return { kind: "errno", errno: number };
}
