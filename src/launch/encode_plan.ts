// Lays a plan out in one buffer, as the executor reads it: the steps, then everything that they point to. Addresses are
// known once the buffer has its final size, so pointers are collected on the way and filled in last.
import { ERRNO } from "../../ffi/errno.ts";
import { NO_REGISTER, OP_LOAD, OP_STORE, STEP_BYTES } from "../../ffi/launch.ts";
import { address, SYSCALLS } from "../../ffi/libc.ts";
import type { Argument, Bytes, CallName, Step } from "../plan/step.ts";

const ARGS_AT = 24;
const TOLERATED_AT = 8;

export type EncodedPlan = { readonly bytes: Uint8Array; readonly count: number };

export function encodePlan(steps: readonly Step[]): EncodedPlan {
  const memory = new Memory(steps.length * STEP_BYTES);
  steps.forEach((step, index) => {
    encodeStep(memory, step, index * STEP_BYTES);
  });
  return { bytes: memory.finish(), count: steps.length };
}

function encodeStep(memory: Memory, step: Step, at: number): void {
  let registers = 0;
  for (let i = 0; i < step.args.length; i++) {
    const argument = step.args[i] ?? 0;
    if (typeof argument === "object" && argument.kind === "register") registers |= 1 << i;
    encodeArgument(memory, argument, at + ARGS_AT + i * 8);
  }
  memory.u32(at, callNumber(step.call));
  memory.u16(at + 4, step.out?.index ?? NO_REGISTER);
  memory.u16(at + 6, registers);
  step.tolerate?.forEach((name, i) => {
    memory.u32(at + TOLERATED_AT + i * 4, ERRNO[name]);
  });
}

function callNumber(call: CallName): number {
  if (call === "load") return OP_LOAD;
  if (call === "store") return OP_STORE;
  return SYSCALLS[call];
}

function encodeArgument(memory: Memory, argument: Argument, at: number): void {
  if (typeof argument === "number") return memory.word(at, argument);
  if (typeof argument === "string") return memory.pointer(at, memory.text(argument));
  switch (argument.kind) {
    case "named":
      return memory.word(at, argument.value);
    case "register":
      return memory.word(at, argument.index);
    case "bytes":
      return memory.pointer(at, memory.bytes(argument));
    case "inside":
      return memory.pointer(at, memory.bytes(argument.of) + argument.at);
    case "strings":
      return memory.pointer(at, memory.strings(argument.list));
  }
}

class Memory {
  #buffer: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length: number;
  readonly #pointers: { readonly at: number; readonly to: number }[] = [];
  readonly #placed = new Map<Bytes | string, number>();
  readonly #encoder = new TextEncoder();

  constructor(reserved: number) {
    this.#length = reserved;
    this.#buffer = new Uint8Array(reserved + 16384);
    this.#view = new DataView(this.#buffer.buffer);
  }

  u16(at: number, value: number): void {
    this.#view.setUint16(at, value, true);
  }

  u32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  /** A 64-bit word; negative numbers in two's complement. */
  word(at: number, value: number): void {
    this.#view.setUint32(at, value >>> 0, true);
    this.#view.setInt32(at + 4, Math.floor(value / 0x100000000), true);
  }

  pointer(at: number, to: number): void {
    this.#pointers.push({ at, to });
  }

  text(text: string): number {
    const known = this.#placed.get(text);
    if (known !== undefined) return known;
    if (text.includes("\0")) throw new RangeError(`a NUL byte in ${JSON.stringify(text)}`);
    const at = this.#reserve(text.length * 3 + 1, 1);
    const { written } = this.#encoder.encodeInto(text, this.#buffer.subarray(at));
    this.#length = at + written + 1;
    this.#placed.set(text, at);
    return at;
  }

  bytes(bytes: Bytes): number {
    const known = this.#placed.get(bytes);
    if (known !== undefined) return known;
    const at = this.#reserve(bytes.content.length, 8);
    this.#buffer.set(bytes.content, at);
    this.#placed.set(bytes, at);
    for (const { at: offset, to } of bytes.pointers ?? [])
      this.pointer(at + offset, typeof to === "string" ? this.text(to) : this.bytes(to));
    return at;
  }

  strings(list: readonly string[]): number {
    const at = this.#reserve((list.length + 1) * 8, 8);
    list.forEach((text, i) => {
      this.pointer(at + i * 8, this.text(text));
    });
    return at;
  }

  finish(): Uint8Array {
    const base = address(this.#buffer);
    for (const { at, to } of this.#pointers) this.word(at, base + to);
    return this.#buffer;
  }

  #reserve(size: number, alignment: number): number {
    const at = (this.#length + alignment - 1) & -alignment;
    this.#length = at + size;
    if (this.#length > this.#buffer.length) this.#grow();
    return at;
  }

  #grow(): void {
    const larger = new Uint8Array(this.#length * 2);
    larger.set(this.#buffer);
    this.#buffer = larger;
    this.#view = new DataView(larger.buffer);
  }
}
