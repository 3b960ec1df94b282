// Lays a decision graph out as classic BPF. It is written from the last instruction to the first, so every jump knows its
// distance when it is placed. jt and jf are 8 bits: when a target is out of reach a nearer stand-in is put right behind the
// jump - a copy of the return, or a BPF_JA, whose distance has 32 bits - and later jumps use that one.
import type { Jump, Load, Node, Test } from "./decision_graph.ts";

/** BPF_MAXINSNS, linux/bpf_common.h. */
export const MAX_INSTRUCTIONS = 4096;

/** sizeof(struct sock_filter): u16 code, u8 jt, u8 jf, u32 k. */
export const INSTRUCTION_SIZE = 8;

const BPF_LD_W_ABS = 0x20;
const BPF_ALU_AND_K = 0x54;
const BPF_JMP_JA = 0x05;
const BPF_RET_K = 0x06;
const BPF_JMP: Readonly<Record<Test, number>> = { eq: 0x15, gt: 0x25, ge: 0x35, set: 0x45 };

const ALL_BITS = 0xffffffff;

/** One for the jump itself, one for the stand-in of its other branch. */
const REACH = 0xff - 2;

type Instruction = { readonly code: number; readonly jt: number; readonly jf: number; readonly k: number };

/** Positions count from the end of the program. */
type Layout = { readonly reversed: Instruction[]; readonly placed: Map<Node, number> };

/** struct sock_filter[], little-endian. Throws RangeError if it is more than the kernel takes. */
export function assemble(root: Node): Uint8Array {
  const layout: Layout = { reversed: [], placed: new Map() };
  place(layout, root);
  const count = layout.reversed.length;
  if (count > MAX_INSTRUCTIONS) throw tooLong(`${count} instructions`);
  return encode(layout.reversed.toReversed());
}

/** `amount`: what there is too much of. */
export function tooLong(amount: string): RangeError {
  return new RangeError(
    `Cannot compile the seccomp policy: it has ${amount}, the kernel takes ${MAX_INSTRUCTIONS} instructions in all (BPF_MAXINSNS); join rules or compare fewer arguments`,
  );
}

function place(layout: Layout, node: Node): void {
  if (layout.placed.has(node)) return;
  switch (node.kind) {
    case "ret":
      put(layout, node, instruction(BPF_RET_K, node.k));
      break;
    case "load":
      placeLoad(layout, node);
      break;
    case "jump":
      placeJump(layout, node);
      break;
    default:
      node satisfies never;
  }
}

function placeLoad(layout: Layout, node: Load): void {
  place(layout, node.next);
  if (distance(layout, node.next) > 0) standIn(layout, node.next);
  if (node.word.mask !== ALL_BITS) layout.reversed.push(instruction(BPF_ALU_AND_K, node.word.mask));
  put(layout, node, instruction(BPF_LD_W_ABS, node.word.offset));
}

function placeJump(layout: Layout, node: Jump): void {
  place(layout, node.yes);
  place(layout, node.no);
  if (distance(layout, node.yes) > REACH) standIn(layout, node.yes);
  if (distance(layout, node.no) > REACH) standIn(layout, node.no);
  const jt = distance(layout, node.yes);
  const jf = distance(layout, node.no);
  put(layout, node, { code: BPF_JMP[node.test], jt, jf, k: node.k });
}

function standIn(layout: Layout, node: Node): void {
  const code = node.kind === "ret" ? BPF_RET_K : BPF_JMP_JA;
  put(layout, node, instruction(code, node.kind === "ret" ? node.k : distance(layout, node)));
}

/** From the instruction that is placed next. */
function distance(layout: Layout, node: Node): number {
  const position = layout.placed.get(node);
  if (position === undefined) throw new Error(`Cannot lay out the seccomp program: node ${node.id} is not placed`);
  return layout.reversed.length - 1 - position;
}

function put(layout: Layout, node: Node, made: Instruction): void {
  layout.placed.set(node, layout.reversed.length);
  layout.reversed.push(made);
}

function instruction(code: number, k: number): Instruction {
  return { code, jt: 0, jf: 0, k };
}

function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * INSTRUCTION_SIZE);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, jt, jf, k }, i) => {
    const at = i * INSTRUCTION_SIZE;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, jt);
    view.setUint8(at + 3, jf);
    view.setUint32(at + 4, k, true);
  });
  return bytes;
}
