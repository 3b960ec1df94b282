// A prebuilt plan in memory, and what a start fills into it: numbers, texts, vectors of texts. Everything it points to lies
// behind it in the same mapping, so nothing has to be moved or collected.
import type { Launch } from "../../../ffi/launch.ts";
import { STEP_BYTES } from "../../../ffi/launch.ts";
import { mapAt } from "../../../ffi/memory.ts";
import { PLAN_ADDRESS } from "./plan_address.ts";
import type { PrebuiltPlan } from "./prebuilt_plans.ts";

const WORD_RANGE = 0x100000000;
const POINTER_BYTES = 8;
/** For texts and vectors: more than the arguments and variables of any process take (execve(2): 6 MB), were all of their bytes replaced by U+FFFD. */
const ROOM = 32 << 20;

const encoder = new TextEncoder();

export class PlanMemory {
  readonly #plan: PrebuiltPlan;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  #end: number;

  private constructor(plan: PrebuiltPlan, bytes: Uint8Array, end: number) {
    this.#plan = plan;
    this.#bytes = bytes;
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    this.#end = end;
  }

  /** `undefined` where the address is taken. */
  static map(plan: PrebuiltPlan): PlanMemory | undefined {
    const bytes = Uint8Array.fromBase64(plan.bytes);
    const memory = mapAt(PLAN_ADDRESS, (bytes.length + ROOM + 4095) & -4096);
    memory?.set(bytes);
    return memory && new PlanMemory(plan, memory, bytes.length);
  }

  /** Puts a number or an address wherever the plan takes the value `name`. */
  fill(name: string, value: number): void {
    const words = this.#plan.holes[name];
    if (words === undefined) throw new Error(`the prebuilt plan takes no ${name}`);
    for (const word of words) this.#put(word, value);
  }

  /** As {@link fill}, the address of `text`; and its length where the plan takes that as well. */
  fillText(name: string, text: string): void {
    this.fill(name, this.#text(text));
    const length = `${name} length`;
    if (this.#plan.holes[length]) this.fill(length, text.length);
  }

  /** As {@link fill}, the address of a NULL-terminated array of texts, as execve(2) takes. */
  fillVector(name: string, texts: readonly string[]): void {
    const addresses = texts.map((text) => this.#text(text));
    this.#end = (this.#end + POINTER_BYTES - 1) & -POINTER_BYTES;
    const word = this.#end / 4;
    this.#end += (addresses.length + 1) * POINTER_BYTES;
    this.fill(name, PLAN_ADDRESS + word * 4);
    for (let i = 0; i < addresses.length; i++) this.#put(word + i * 2, addresses[i] ?? 0);
  }

  /** As {@link fill}, the address of 64-bit numbers. */
  fillNumbers(name: string, numbers: readonly number[]): void {
    this.#end = (this.#end + POINTER_BYTES - 1) & -POINTER_BYTES;
    const word = this.#end / 4;
    this.#end += numbers.length * POINTER_BYTES;
    this.fill(name, PLAN_ADDRESS + word * 4);
    for (let i = 0; i < numbers.length; i++) this.#put(word + i * 2, numbers[i] ?? 0);
  }

  /** Adds a piece of the plan to what the child performs. */
  add(launch: Launch, name: string): void {
    const piece = this.#plan.pieces[name];
    if (piece === undefined) throw new Error(`the prebuilt plan has no piece ${name}`);
    launch.add(PLAN_ADDRESS + piece[0] * STEP_BYTES, piece[1]);
  }

  #text(text: string): number {
    const at = this.#end;
    const { read, written } = encoder.encodeInto(text, this.#bytes.subarray(at));
    if (read < text.length) throw new RangeError("arguments and variables are too long");
    this.#end += written + 1;
    return PLAN_ADDRESS + at;
  }

  #put(word: number, value: number): void {
    this.#words[word] = value | 0;
    this.#words[word + 1] = Math.floor(value / WORD_RANGE);
  }
}
