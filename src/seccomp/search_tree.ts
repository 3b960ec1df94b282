// Finds what a syscall number leads to by a balanced binary search: about eight comparisons for a filter that speaks of
// 400 calls. Neighbours that lead to the same decision are one range.
import type { DecisionGraph, Node, Word } from "./decision_graph.ts";

export type Range = { readonly start: number; readonly node: Node };

export type NumberMap = {
  readonly first: number;
  readonly exact: ReadonlyMap<number, Node>;
  /** Up to `bound` and above it, for numbers that are not in `exact`. */
  readonly below: Node;
  readonly above: Node;
  readonly bound: number;
};

const LAST = 0xffffffff;

export function searchTree(graph: DecisionGraph, word: Word, map: NumberMap): Node {
  return split(graph, word, toRanges(map));
}

/** Sorted, the first one starting at `first`, no two neighbours with the same node. */
export function toRanges(map: NumberMap): readonly Range[] {
  const ranges: Range[] = [];
  for (const start of starts(map)) {
    const node = map.exact.get(start) ?? (start > map.bound ? map.above : map.below);
    if (ranges.at(-1)?.node !== node) ranges.push({ start, node });
  }
  return ranges;
}

function starts({ first, exact, bound }: NumberMap): readonly number[] {
  const all = new Set([first, bound + 1]);
  for (const number of exact.keys()) all.add(number).add(number + 1);
  return [...all].filter((number) => number >= first && number <= LAST).sort((a, b) => a - b);
}

function split(graph: DecisionGraph, word: Word, ranges: readonly Range[]): Node {
  const middle = ranges[ranges.length >> 1];
  if (middle === undefined) throw new Error("Cannot build a search tree: there is no range");
  if (ranges.length === 1) return middle.node;
  const lower = split(graph, word, ranges.slice(0, ranges.length >> 1));
  const upper = split(graph, word, ranges.slice(ranges.length >> 1));
  return graph.test(word, "ge", middle.start, upper, lower);
}
