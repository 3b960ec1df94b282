// Lays a plan out in one buffer, as the executor reads it: the steps, then everything that they point to. Runs once, in an
// interpreter that is still cold, at every start: so words are stored through one Int32Array, and all text is encoded in one go.
import { ERRNO } from "../../ffi/errno.ts";
import { NO_REGISTER, OP_BOUND, OP_LAUNCH, OP_LOAD, OP_PLACE, OP_STORE, STEP_BYTES } from "../../ffi/launch.ts";
import { address, SYSCALLS } from "../../ffi/libc.ts";
import type { Argument, Bytes, CallName, Step } from "../plan/step.ts";

const STEP_WORDS = STEP_BYTES / 4;
const TOLERATED_WORD = 2;
const ARGS_WORD = 6;
const SKIP_WORD = 18;
const WORD_RANGE = 0x100000000;
const OWN_CALLS: Readonly<Record<string, number>> = {
  load: OP_LOAD,
  store: OP_STORE,
  bound: OP_BOUND,
  place: OP_PLACE,
  launch: OP_LAUNCH,
};

export type EncodedPlan = {
  readonly bytes: Uint8Array;
  readonly count: number;
  /** Where `content` lies, in bytes from the start; it must be an argument of some step. */
  readonly placeOf: (content: Bytes) => number;
};

/** For memory at `base`, or where the bytes come to lie. Throws RangeError when a text contains a NUL byte. */
export function encodePlan(steps: readonly Step[], base?: number): EncodedPlan {
  const layout = new Layout(steps.length * STEP_WORDS);
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i];
    if (step) encodeStep(layout, step, i * STEP_WORDS);
  }
  return { bytes: layout.finish(base), count: steps.length, placeOf: (content) => layout.place(content) * 4 };
}

function encodeStep(layout: Layout, { call, args, out, tolerate, skip = 0 }: Step, at: number): void {
  let registers = 0;
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] ?? 0;
    const word = at + ARGS_WORD + i * 2;
    if (typeof argument === "number") layout.number(word, argument);
    else if (typeof argument === "string") layout.text(word, argument);
    else {
      if (argument.kind === "register") registers |= 1 << i;
      encodeObject(layout, argument, word);
    }
  }
  layout.words[at] = callNumber(call);
  layout.words[at + SKIP_WORD] = skip;
  layout.words[at + 1] = (out ? out.index : NO_REGISTER) | (registers << 16);
  if (tolerate)
    for (let i = 0; i < tolerate.length; i++) layout.words[at + TOLERATED_WORD + i] = ERRNO[tolerate[i] ?? "EPERM"];
}

function callNumber(call: CallName): number {
  return OWN_CALLS[call] ?? SYSCALLS[call as keyof typeof SYSCALLS];
}

function encodeObject(layout: Layout, argument: Exclude<Argument, number | string>, word: number): void {
  switch (argument.kind) {
    case "named":
      return layout.number(word, argument.value);
    case "register":
      return layout.number(word, argument.index);
    case "bytes":
      return layout.pointer(word, layout.place(argument), 0);
    case "inside":
      return layout.pointer(word, layout.place(argument.of), argument.at);
    case "strings":
      return layout.vector(word, argument.list);
  }
}

// Three regions: words (steps, then structures and vectors), and behind them the text. Where the text begins is known at
// the end, as are addresses; until then a pointer is a note of where it stands and what it leads to.
class Layout {
  words: Int32Array;
  #length: number;
  readonly #placed = new Map<Bytes, number>();
  /** Triples: the word that holds the pointer, the word that it leads to, bytes to add. */
  readonly #pointers: number[] = [];
  /** Pairs: the word that holds the pointer, the index of its text. */
  readonly #textPointers: number[] = [];
  readonly #texts: string[] = [];

  constructor(reserved: number) {
    this.#length = reserved;
    this.words = new Int32Array(reserved + 4096);
  }

  /** A 64-bit word; negative numbers in two's complement. */
  number(word: number, value: number): void {
    this.words[word] = value | 0;
    if (value < 0 || value >= WORD_RANGE) this.words[word + 1] = Math.floor(value / WORD_RANGE);
  }

  text(word: number, text: string): void {
    this.#textPointers.push(word, this.#texts.length);
    this.#texts.push(text);
  }

  pointer(word: number, to: number, offset: number): void {
    this.#pointers.push(word, to, offset);
  }

  /** The word at which `bytes` lie; the same object lies in one place. */
  place(bytes: Bytes): number {
    const known = this.#placed.get(bytes);
    if (known !== undefined) return known;
    const { content } = bytes;
    const at = this.#reserve(content.length);
    new Uint8Array(this.words.buffer).set(content, at * 4);
    this.#placed.set(bytes, at);
    if (bytes.pointers) this.#placePointers(bytes.pointers, at);
    return at;
  }

  /** A null-terminated array of pointers to texts. */
  vector(word: number, list: readonly string[]): void {
    const at = this.#reserve((list.length + 1) * 8);
    for (let i = 0; i < list.length; i++) this.text(at + i * 2, list[i] ?? "");
    this.pointer(word, at, 0);
  }

  finish(at?: number): Uint8Array {
    const { bytes, starts } = encodeTexts(this.#texts);
    const textAt = this.#length * 4;
    const buffer = new Uint8Array(textAt + bytes.length);
    buffer.set(new Uint8Array(this.words.buffer, 0, textAt));
    buffer.set(bytes, textAt);
    const words = new Int32Array(buffer.buffer, 0, this.#length);
    const base = at ?? address(buffer);
    const put = (word: number, value: number): void => {
      words[word] = value | 0;
      words[word + 1] = (value / WORD_RANGE) | 0;
    };
    const [pointers, texts] = [this.#pointers, this.#textPointers];
    for (let i = 0; i < pointers.length; i += 3)
      put(pointers[i] ?? 0, base + (pointers[i + 1] ?? 0) * 4 + (pointers[i + 2] ?? 0));
    for (let i = 0; i < texts.length; i += 2) put(texts[i] ?? 0, base + textAt + (starts[texts[i + 1] ?? 0] ?? 0));
    return buffer;
  }

  #placePointers(pointers: NonNullable<Bytes["pointers"]>, at: number): void {
    for (const { at: offset, to } of pointers) {
      if (typeof to === "string") this.text(at + offset / 4, to);
      else this.pointer(at + offset / 4, this.place(to), 0);
    }
  }

  /** Words for `size` bytes, on a multiple of 8 bytes. */
  #reserve(size: number): number {
    const at = (this.#length + 1) & ~1;
    this.#length = at + ((size + 3) >> 2);
    if (this.#length > this.words.length) {
      const larger = new Int32Array(this.#length * 2);
      larger.set(this.words);
      this.words = larger;
    }
    return at;
  }
}

/** All texts in UTF-8, a NUL behind each, and where each begins. */
function encodeTexts(texts: readonly string[]): { readonly bytes: Uint8Array; readonly starts: readonly number[] } {
  const joined = texts.join("\0");
  const bytes = new TextEncoder().encode(`${joined}\0`);
  // Where every character is one byte, places in the text are places in the bytes.
  const ascii = bytes.length === joined.length + 1;
  const starts: number[] = [];
  let at = 0;
  for (const text of texts) {
    if (text.includes("\0")) throw new RangeError(`a NUL byte in ${JSON.stringify(text)}`);
    starts.push(at);
    at = ascii ? at + text.length + 1 : bytes.indexOf(0, at) + 1;
  }
  return { bytes, starts };
}
