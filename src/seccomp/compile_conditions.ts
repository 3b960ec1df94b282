// The rules of one system call as decisions about its arguments. BPF compares 32 bits and an argument has 64, so a
// comparison looks at the high half first. What a half was just found to be is carried along: most rules of a call ask
// about the same argument, and its high half then is looked at once and not in every rule.
import { tooLong } from "./assemble.ts";
import type { DecisionGraph, Node, Word } from "./decision_graph.ts";
import type { Condition } from "./policy.ts";

export type ConditionalRule = { readonly args: readonly Condition[]; readonly action: Node };

type Half = { readonly offset: number; readonly value: number; readonly mask: number };
type Halves = { readonly high: Half; readonly low: Half };

/** What is known of one high half: that it is, or is not, `value`. */
type Fact = { readonly offset: number; readonly is: boolean; readonly value: number } | undefined;
type Branch = (fact: Fact) => Node;

type Context = { readonly graph: DecisionGraph; readonly bits: 32 | 64 };

const ALL_BITS = 0xffffffff;

/** Far more than a program that fits can have; without an end a hostile profile costs gigabytes before it is refused. */
const STATES = 1 << 18;
const ARGS_OFFSET = 16; // offsetof(struct seccomp_data, args); u64 each, little-endian on both machines

/** The action of the first rule whose conditions all hold, else `otherwise`. */
export function compileConditions(
  graph: DecisionGraph,
  bits: 32 | 64,
  rules: readonly ConditionalRule[],
  otherwise: Node,
): Node {
  const context: Context = { graph, bits };
  const made = new Map<string, Node>();
  const from = (rule: number, arg: number, fact: Fact): Node => {
    const key = `${rule} ${arg} ${fact?.offset} ${fact?.is} ${fact?.value}`;
    const node = made.get(key) ?? decide(rule, arg, fact);
    if (made.size > STATES) throw tooLong("too many combinations of argument values for one system call");
    made.set(key, node);
    return node;
  };
  const decide = (rule: number, arg: number, fact: Fact): Node => {
    const current = rules[rule];
    if (current === undefined) return otherwise;
    const condition = current.args[arg];
    if (condition === undefined) return current.action;
    const holds: Branch = (known) => from(rule, arg + 1, known);
    const fails: Branch = (known) => from(rule + 1, 0, known);
    return compare(context, condition, fact, holds, fails);
  };
  return from(0, 0, undefined);
}

function compare(context: Context, condition: Condition, fact: Fact, holds: Branch, fails: Branch): Node {
  switch (condition.op) {
    case "SCMP_CMP_EQ":
      return compareMasked(context, exactHalves(condition), fact, holds, fails);
    case "SCMP_CMP_NE":
      return compareMasked(context, exactHalves(condition), fact, fails, holds);
    case "SCMP_CMP_MASKED_EQ":
      return compareMasked(context, maskedHalves(condition), fact, holds, fails);
    case "MASKED_NE":
      return compareMasked(context, maskedHalves(condition), fact, fails, holds);
    case "SCMP_CMP_GE":
      return compareOrder(context, "ge", exactHalves(condition), fact, holds, fails);
    case "SCMP_CMP_GT":
      return compareOrder(context, "gt", exactHalves(condition), fact, holds, fails);
    case "SCMP_CMP_LT":
      return compareOrder(context, "ge", exactHalves(condition), fact, fails, holds);
    case "SCMP_CMP_LE":
      return compareOrder(context, "gt", exactHalves(condition), fact, fails, holds);
    default:
      return condition.op satisfies never;
  }
}

function compareMasked(context: Context, halves: Halves, fact: Fact, equal: Branch, other: Branch): Node {
  const { graph } = context;
  if (!canBeEqual(halves.high) || !canBeEqual(halves.low)) return other(fact);
  const low: Branch = (known) => testBits(graph, halves.low, equal(known), other(known));
  const { high } = halves;
  const value = knownValue(context, high, fact);
  if (value !== undefined) return maskBits(value, high.mask) === high.value ? low(fact) : other(fact);
  if (high.mask === ALL_BITS) return testHigh(graph, high, fact, low, other);
  return testBits(graph, high, low(fact), other(fact));
}

function compareOrder(
  context: Context,
  test: "ge" | "gt",
  halves: Halves,
  fact: Fact,
  above: Branch,
  notAbove: Branch,
): Node {
  const { graph } = context;
  const { high, low } = halves;
  const value = knownValue(context, high, fact);
  const lowHalf: Branch = (known) => graph.test(wordOf(low), test, low.value, above(known), notAbove(known));
  if (value !== undefined) {
    if (value === high.value) return lowHalf(fact);
    return value > high.value ? above(fact) : notAbove(fact);
  }
  if (high.value === 0) return testHigh(graph, high, fact, lowHalf, above);
  if (high.value === ALL_BITS) return testHigh(graph, high, fact, lowHalf, notAbove);
  const notGreater = graph.testAgain(
    wordOf(high),
    "eq",
    high.value,
    lowHalf(found(high, true)),
    notAbove(found(high, false)),
  );
  return graph.test(wordOf(high), "gt", high.value, above(undefined), notGreater);
}

/** Is the high half the value? */
function testHigh(graph: DecisionGraph, high: Half, fact: Fact, same: Branch, other: Branch): Node {
  if (fact?.offset === high.offset && fact.value === high.value) return other(fact); // found not to be it, or it were known
  return graph.test(wordOf(high), "eq", high.value, same(found(high, true)), other(found(high, false)));
}

function testBits(graph: DecisionGraph, half: Half, equal: Node, other: Node): Node {
  const { mask, value } = half;
  const whole: Word = { offset: half.offset, mask: ALL_BITS };
  if (mask === 0) return equal;
  if (mask === ALL_BITS) return graph.test(whole, "eq", value, equal, other);
  if (value === 0) return graph.test(whole, "set", mask, other, equal);
  if (value === mask && isOneBit(mask)) return graph.test(whole, "set", mask, equal, other);
  return graph.test({ offset: half.offset, mask }, "eq", value, equal, other);
}

function knownValue(context: Context, high: Half, fact: Fact): number | undefined {
  if (context.bits === 32) return 0;
  return fact?.offset === high.offset && fact.is ? fact.value : undefined;
}

function found(high: Half, is: boolean): Fact {
  return { offset: high.offset, is, value: high.value };
}

function canBeEqual(half: Half): boolean {
  return maskBits(half.value, half.mask) === half.value;
}

function exactHalves({ index, value }: Condition): Halves {
  return halves(index, value, 0xffffffffffffffffn);
}

function maskedHalves({ index, value, valueTwo }: Condition): Halves {
  return halves(index, valueTwo ?? 0n, value);
}

function halves(index: number, value: bigint, mask: bigint): Halves {
  const offset = ARGS_OFFSET + 8 * index;
  return {
    low: { offset, value: lowHalf(value), mask: lowHalf(mask) },
    high: { offset: offset + 4, value: lowHalf(value >> 32n), mask: lowHalf(mask >> 32n) },
  };
}

function lowHalf(value: bigint): number {
  return Number(value & 0xffffffffn);
}

function wordOf(half: Half): Word {
  return { offset: half.offset, mask: ALL_BITS };
}

function maskBits(value: number, mask: number): number {
  return (value & mask) >>> 0;
}

function isOneBit(mask: number): boolean {
  return (mask & (mask - 1)) === 0;
}
