// A filter as a graph of decisions, equal parts shared. Classic BPF only jumps forward, so the graph has no cycles, and
// two branches that go on alike can go on at the same instruction.

/** 32 bits of struct seccomp_data at a byte offset, with some bits kept. */
export type Word = { readonly offset: number; readonly mask: number };

/** The operators of BPF_JMP, linux/bpf_common.h; all unsigned, `set` is true when any bit of `k` is. */
export type Test = "eq" | "gt" | "ge" | "set";

export type Node = Ret | Load | Jump;
export type Ret = { readonly kind: "ret"; readonly id: number; readonly k: number };
export type Load = { readonly kind: "load"; readonly id: number; readonly word: Word; readonly next: Jump };
export type Jump = {
  readonly kind: "jump";
  readonly id: number;
  readonly test: Test;
  readonly k: number;
  readonly yes: Node;
  readonly no: Node;
};

export type DecisionGraph = {
  /** Ends with SECCOMP_RET_* and its data. */
  readonly ret: (k: number) => Ret;
  /** Tests a word that has to be loaded first. */
  readonly test: (word: Word, test: Test, k: number, yes: Node, no: Node) => Node;
  /** Tests a word that is in the accumulator already: only for the target of a jump on that same word. */
  readonly testAgain: (word: Word, test: Test, k: number, yes: Node, no: Node) => Node;
};

export function decisionGraph(): DecisionGraph {
  const nodes = new Map<string, Node>();
  const intern = <T extends Node>(key: string, make: (id: number) => T): T => {
    const known = nodes.get(key);
    if (known !== undefined) return known as T; // the key begins with the kind
    const made = make(nodes.size);
    nodes.set(key, made);
    return made;
  };
  const ret = (k: number): Ret => intern(`ret ${k}`, (id) => ({ kind: "ret", id, k }));
  const load = (word: Word, next: Node): Node => {
    if (next.kind !== "jump") return next; // nobody looks at the accumulator
    return intern(`load ${word.offset} ${word.mask} ${next.id}`, (id) => ({ kind: "load", id, word, next }));
  };
  const testAgain: DecisionGraph["testAgain"] = (word, test, k, whenTrue, whenFalse) => {
    const yes = withoutReload(word, whenTrue);
    const no = withoutReload(word, whenFalse);
    if (yes === no) return yes;
    return intern(`jump ${test} ${k} ${yes.id} ${no.id}`, (id) => ({ kind: "jump", id, test, k, yes, no }));
  };
  return { ret, testAgain, test: (word, ...rest) => load(word, testAgain(word, ...rest)) };
}

function withoutReload(word: Word, node: Node): Node {
  if (node.kind !== "load") return node;
  return node.word.offset === word.offset && node.word.mask === word.mask ? node.next : node;
}
