// Policy → classic BPF for seccomp(2). The program asks for the architecture, then for the x32 bit, then searches the
// number (search_tree.ts), then looks at arguments (compile_conditions.ts). The path of a call that is always allowed has
// no load but those of arch and nr: the kernel finds such calls when the filter is installed and afterwards does not run
// the filter for them at all (seccomp_cache_prepare, since 5.11).
import type { SyscallArch } from "./arch.ts";
import { ARGUMENT_BITS, AUDIT_ARCH, X32_SYSCALL_BIT } from "./arch.ts";
import { assemble, MAX_INSTRUCTIONS, tooLong } from "./assemble.ts";
import type { ConditionalRule } from "./compile_conditions.ts";
import { compileConditions } from "./compile_conditions.ts";
import type { DecisionGraph, Node, Word } from "./decision_graph.ts";
import { decisionGraph } from "./decision_graph.ts";
import type { Action, ArchPolicy, Policy, Rule } from "./policy.ts";
import { ENOSYS, errno } from "./policy.ts";
import { searchTree } from "./search_tree.ts";
import { syscallTable } from "./syscall_table.ts";

/** struct seccomp_data, linux/seccomp.h. */
const NR: Word = { offset: 0, mask: 0xffffffff };
const ARCH: Word = { offset: 4, mask: 0xffffffff };

/** What a tracer sets a number to so that no call is made, ptrace(2), "Syscall-stops". */
const NO_SYSCALL = 0xffffffff;

/**
 * An array of struct sock_filter (8 bytes each, little-endian). What rules of one call mean beside each other: see
 * ArchPolicy.rules. Throws RangeError if the kernel would not take the program for its length.
 */
export function compilePolicy(policy: Policy): Uint8Array {
  const graph = decisionGraph();
  const foreign = graph.ret(returnValue(policy.foreignAction));
  const sections = auditArches(policy).map((audit) => ({ audit, node: archSection(graph, policy, audit) }));
  const root = sections.reduceRight<Node>(
    (otherwise, { audit, node }) => graph.test(ARCH, "eq", audit, node, otherwise),
    foreign,
  );
  return assemble(root);
}

/** SECCOMP_RET_* with its data, linux/seccomp.h. */
export function returnValue(action: Action): number {
  switch (action.kind) {
    case "kill_process":
      return 0x80000000;
    case "kill_thread":
      return 0x00000000;
    case "trap":
      return 0x00030000;
    case "errno":
      return 0x00050000 | action.errno;
    case "notify":
      return 0x7fc00000;
    case "trace":
      return 0x7ff00000 | action.data;
    case "log":
      return 0x7ffc0000;
    case "allow":
      return 0x7fff0000;
    default:
      return action satisfies never;
  }
}

function auditArches(policy: Policy): readonly number[] {
  return [...new Set(policy.arches.map(({ arch }) => AUDIT_ARCH[arch]))];
}

/** x86_64 and x32 share an architecture number and are told apart by the number of the call. */
function archSection(graph: DecisionGraph, policy: Policy, audit: number): Node {
  const entries = policy.arches.filter(({ arch }) => AUDIT_ARCH[arch] === audit);
  const x32 = entries.find(({ arch }) => arch === "x32");
  const native = entries.find(({ arch }) => arch !== "x32");
  const nativeTree = native === undefined ? graph.ret(returnValue(policy.foreignAction)) : tree(graph, policy, native);
  if (audit !== AUDIT_ARCH.x32) return nativeTree;
  const x32Tree = x32 === undefined ? withoutX32(graph, policy, native) : tree(graph, policy, x32);
  return graph.test(NR, "ge", X32_SYSCALL_BIT, x32Tree, nativeTree);
}

function withoutX32(graph: DecisionGraph, policy: Policy, native: ArchPolicy | undefined): Node {
  const foreign = graph.ret(returnValue(policy.foreignAction));
  return graph.test(NR, "eq", NO_SYSCALL, unknownCall(graph, policy, native), foreign);
}

function unknownCall(graph: DecisionGraph, policy: Policy, entry: ArchPolicy | undefined): Node {
  return graph.ret(returnValue(entry?.unknownAbove === undefined ? policy.defaultAction : errno(ENOSYS)));
}

function tree(graph: DecisionGraph, policy: Policy, entry: ArchPolicy): Node {
  const below = graph.ret(returnValue(policy.defaultAction));
  return searchTree(graph, NR, {
    first: entry.arch === "x32" ? X32_SYSCALL_BIT : 0,
    exact: decisions(graph, entry, below),
    below,
    above: unknownCall(graph, policy, entry),
    bound: entry.unknownAbove ?? NO_SYSCALL,
  });
}

function decisions(graph: DecisionGraph, { arch, rules }: ArchPolicy, otherwise: Node): ReadonlyMap<number, Node> {
  const byNumber = rulesByNumber(arch, rules);
  const made = new Map<number, Node>();
  for (const [number, own] of byNumber) made.set(number, decision(graph, arch, own, otherwise));
  return made;
}

function rulesByNumber(arch: SyscallArch, rules: readonly Rule[]): ReadonlyMap<number, readonly Rule[]> {
  const table = syscallTable(arch);
  const byNumber = new Map<number, Rule[]>();
  for (const rule of rules) {
    for (const name of rule.names) {
      const number = table.get(name);
      if (number !== undefined) listOf(byNumber, number).push(rule);
    }
  }
  return byNumber;
}

function listOf(byNumber: Map<number, Rule[]>, number: number): Rule[] {
  const list = byNumber.get(number) ?? [];
  byNumber.set(number, list);
  return list;
}

function decision(graph: DecisionGraph, arch: SyscallArch, rules: readonly Rule[], otherwise: Node): Node {
  const unconditional = rules.find((rule) => !isConditional(rule));
  const last = unconditional === undefined ? otherwise : graph.ret(returnValue(unconditional.action));
  const conditional = rules.filter(isConditional);
  // Each one is at least an instruction, and the recursion over them needs an end.
  if (conditional.length > MAX_INSTRUCTIONS) throw tooLong(`${conditional.length} rules for one system call`);
  return compileConditions(
    graph,
    ARGUMENT_BITS[arch],
    conditional.map((rule) => toConditional(graph, rule)),
    last,
  );
}

function isConditional(rule: Rule): boolean {
  return rule.args !== undefined && rule.args.length > 0;
}

function toConditional(graph: DecisionGraph, rule: Rule): ConditionalRule {
  return { args: rule.args ?? [], action: graph.ret(returnValue(rule.action)) };
}
