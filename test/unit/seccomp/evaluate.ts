// What a policy means, read straight from its definition: no ranges, no halves, no sharing. The compiled program has to
// agree with it.
import { ARGUMENT_BITS, AUDIT_ARCH, type SyscallArch, X32_SYSCALL_BIT } from "../../../src/seccomp/arch.ts";
import type { Action, ArchPolicy, Condition, Policy } from "../../../src/seccomp/policy.ts";
import { ENOSYS, errno } from "../../../src/seccomp/policy.ts";
import { syscallTable } from "../../../src/seccomp/syscall_table.ts";
import type { SeccompData } from "./interpret.ts";

const tables = new Map<SyscallArch, ReadonlyMap<number, readonly string[]>>();

export function evaluate(policy: Policy, data: SeccompData): Action {
  const arch = entry(data);
  const own = policy.arches.find((candidate) => candidate.arch === arch);
  if (own === undefined && arch === "x32" && data.nr === 0xffffffff) {
    return answer(
      policy,
      policy.arches.find((candidate) => candidate.arch === "x86_64"),
      data,
    );
  }
  return own === undefined ? policy.foreignAction : answer(policy, own, data);
}

function answer(policy: Policy, own: ArchPolicy | undefined, data: SeccompData): Action {
  if (own === undefined) return policy.foreignAction;
  const names = namesByNumber(own.arch).get(data.nr) ?? [];
  const rules = own.rules.filter((rule) => rule.names.some((name) => names.includes(name)));
  const isConditional = (args: readonly Condition[] = []): boolean => args.length > 0;
  const matching = rules.find((rule) => isConditional(rule.args) && rule.args?.every((c) => holds(own.arch, c, data)));
  const found = matching ?? rules.find((rule) => !isConditional(rule.args));
  if (found !== undefined) return found.action;
  if (rules.length === 0 && own.unknownAbove !== undefined && data.nr > own.unknownAbove) return errno(ENOSYS);
  return policy.defaultAction;
}

function entry({ arch, nr }: SeccompData): SyscallArch | undefined {
  if (arch === AUDIT_ARCH.x86_64) return nr >= X32_SYSCALL_BIT ? "x32" : "x86_64";
  return (["i386", "aarch64", "arm"] as const).find((name) => AUDIT_ARCH[name] === arch);
}

function namesByNumber(arch: SyscallArch): ReadonlyMap<number, readonly string[]> {
  const known = tables.get(arch);
  if (known !== undefined) return known;
  const made = new Map<number, string[]>();
  for (const [name, nr] of syscallTable(arch)) made.set(nr, [...(made.get(nr) ?? []), name]);
  tables.set(arch, made);
  return made;
}

function holds(arch: SyscallArch, { index, op, value, valueTwo = 0n }: Condition, { args = [] }: SeccompData): boolean {
  const arg = BigInt.asUintN(ARGUMENT_BITS[arch], args[index] ?? 0n);
  switch (op) {
    case "SCMP_CMP_NE":
      return arg !== value;
    case "SCMP_CMP_LT":
      return arg < value;
    case "SCMP_CMP_LE":
      return arg <= value;
    case "SCMP_CMP_EQ":
      return arg === value;
    case "SCMP_CMP_GE":
      return arg >= value;
    case "SCMP_CMP_GT":
      return arg > value;
    case "SCMP_CMP_MASKED_EQ":
      return (arg & value) === valueTwo;
    case "MASKED_NE":
      return (arg & value) !== valueTwo;
    default:
      return op satisfies never;
  }
}
