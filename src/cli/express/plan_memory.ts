// A prebuilt plan in memory: what a start fills into it, and the host's own programs beside it. Everything that it points to lies
// in the same mapping, so nothing has to be moved, encoded or collected. A function that is called some thirty times during a start
// makes the runtime compile it, on threads that it begins for that: so loops are inside of what is called, not around it.
import { STEP_BYTES } from "../../../ffi/launch.ts";
import { rawSyscall, stagePerform } from "../../../ffi/libc.ts";
import { mapAt } from "../../../ffi/memory.ts";
import { PLAN_ADDRESS } from "./plan_address.ts";
import type { PlanLayout, PrebuiltPlan } from "./prebuilt_plans.ts";

/** For texts and vectors. A command line that needs more goes the long way. */
const ROOM = 1 << 20;
const PAGE = 4096;
const POINTER_BYTES = 8;
const SEGMENT_WORDS = 4;
const RESULT_WORDS = 2;
const WORD_RANGE = 0x100000000;
/** Of every address in the plan: its memory does not cross 4 GiB. */
const ADDRESS_HIGH = PLAN_ADDRESS / WORD_RANGE;
const FUTEX_WAKE_PRIVATE = 129;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class PlanMemory {
  readonly #plan: PlanLayout;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  #end: number;
  #segments = 0;

  private constructor(plan: PlanLayout, bytes: Uint8Array) {
    this.#plan = plan;
    this.#bytes = bytes;
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    this.#end = plan.end;
  }

  /** `undefined` where the address is taken. */
  static map({ bytes, layout }: PrebuiltPlan): PlanMemory | undefined {
    const plan: PlanLayout = JSON.parse(layout);
    const memory = mapAt(PLAN_ADDRESS, (plan.end + ROOM + PAGE - 1) & -PAGE);
    memory?.set(Uint8Array.fromBase64(bytes));
    return memory && new PlanMemory(plan, memory);
  }

  /** Puts a number or an address wherever the plan takes the value `name`. */
  fill(name: string, value: number): void {
    const words = this.#plan.holes[name];
    if (words === undefined) throw new Error(`the prebuilt plan takes no ${name}`);
    const high = Math.floor(value / WORD_RANGE);
    for (let i = 0; i < words.length; i++) {
      const word = words[i] ?? 0;
      this.#words[word] = value | 0;
      this.#words[word + 1] = high;
    }
  }

  /** As {@link fill}, the address of `text`. */
  fillText(name: string, text: string): void {
    this.fill(name, PLAN_ADDRESS + this.#text(text));
  }

  /** As {@link fill}, the address of memory that the kernel has written to. */
  fillSlot(name: string, slot: string): void {
    this.fill(name, PLAN_ADDRESS + (this.#plan.slots[slot] ?? 0));
  }

  /** As {@link fill}, the address of a NULL-terminated array of texts, as execve(2) takes. */
  fillVector(name: string, texts: readonly string[]): void {
    const count = texts.length;
    const word = ((this.#end + POINTER_BYTES - 1) >> 3) << 1;
    this.#end = word * 4 + (count + 1) * POINTER_BYTES;
    for (let i = 0; i < count; i++) {
      const address = PLAN_ADDRESS + this.#text(texts[i] ?? "");
      this.#words[word + i * 2] = address | 0;
      this.#words[word + i * 2 + 1] = ADDRESS_HIGH;
    }
    this.fill(name, PLAN_ADDRESS + word * 4);
  }

  /** Performs one of the host's own programs. */
  perform(name: string): void {
    const [first, count] = this.#piece(name);
    stagePerform(PLAN_ADDRESS + first * STEP_BYTES, count, PLAN_ADDRESS + this.#plan.registers * 4);
  }

  /** The low 32 bits of what the step of that name gave: a number, a descriptor, or a negated errno. */
  result(name: string): number {
    return this.#words[this.#plan.results[name] ?? 0] ?? 0;
  }

  /** The results of the steps from `first` on, which have come one after the other. */
  results(first: string, count: number): readonly number[] {
    const at = this.#plan.results[first] ?? 0;
    const list: number[] = [];
    for (let i = 0; i < count; i++) list.push(this.#words[at + i * RESULT_WORDS] ?? 0);
    return list;
  }

  /** The 32-bit word at `offset` bytes into the memory of that name. */
  word(name: string, offset = 0): number {
    return this.#words[((this.#plan.slots[name] ?? 0) + offset) >> 2] ?? 0;
  }

  /** `length` bytes of the memory of that name, as text. */
  textIn(name: string, length: number): string {
    const at = this.#plan.slots[name] ?? 0;
    return decoder.decode(this.#bytes.subarray(at, at + length));
  }

  /** Adds a piece to what the child performs; {@link release} lets it. */
  add(name: string): void {
    this.#segment(name, ((this.#plan.slots.segments ?? 0) >> 2) + this.#segments++ * SEGMENT_WORDS);
  }

  /** Makes a piece all that the child of that name performs. */
  assign(name: string): void {
    this.#segment(name, (this.#plan.slots[`${name} segments`] ?? 0) >> 2);
  }

  #segment(name: string, word: number): void {
    const [first, count] = this.#piece(name);
    this.#words[word] = (PLAN_ADDRESS + first * STEP_BYTES) | 0;
    this.#words[word + 1] = ADDRESS_HIGH;
    this.#words[word + 2] = count;
  }

  release(): void {
    Atomics.store(this.#words, this.#plan.released, this.#segments);
    rawSyscall("futex", PLAN_ADDRESS + this.#plan.released * 4, FUTEX_WAKE_PRIVATE, 1);
  }

  #piece(name: string): readonly [number, number] {
    const piece = this.#plan.pieces[name];
    if (piece === undefined) throw new Error(`the prebuilt plan has no piece ${name}`);
    return piece;
  }

  /** Where a copy of `text` with a final NUL lies. */
  #text(text: string): number {
    const at = this.#end;
    const { read, written } = encoder.encodeInto(text, this.#bytes.subarray(at));
    if (read < text.length) throw new RangeError("arguments and variables are too long");
    this.#end = at + written + 1;
    return at;
  }
}
