// Values → bytes, "Marshaling (Wire Format)" of the D-Bus specification; in little-endian order, which every peer takes. Pure.
import { DbusError } from "./dbus_error.ts";
import { alignmentOf, type BasicCode, parseSignature, parseType, type Type } from "./signature.ts";
import { isObjectPath, isVariant, type Value } from "./value.ts";

const LITTLE = true;
const RANGES: Readonly<Partial<Record<BasicCode, readonly [number, number]>>> = {
  y: [0, 0xff],
  n: [-0x8000, 0x7fff],
  q: [0, 0xffff],
  i: [-0x80000000, 0x7fffffff],
  u: [0, 0xffffffff],
  h: [0, 0xffffffff],
};

/** `values` of the types of `signature`, as if they began at a multiple of 8 bytes. */
export function marshal(signature: string, values: readonly Value[]): Uint8Array {
  const types = parseSignature(signature);
  if (types.length !== values.length) throw new DbusError(`${values.length} values for ${signature}`);
  const writer = new Writer();
  types.forEach((type, i) => {
    writer.value(type, values[i] ?? 0);
  });
  return writer.bytes();
}

class Writer {
  #buffer = new Uint8Array(256);
  #view = new DataView(this.#buffer.buffer);
  #length = 0;

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  value(type: Type, value: Value): void {
    this.#align(alignmentOf(type));
    switch (type.kind) {
      case "basic":
        return this.#basic(type.code, value);
      case "array":
        return this.#array(type.of, listOf(value));
      case "struct":
        return this.#each(type.fields, listOf(value));
      case "entry":
        return this.#each([{ kind: "basic", code: type.key }, type.value], listOf(value));
      case "variant":
        return this.#variant(value);
    }
  }

  #each(types: readonly Type[], values: readonly Value[]): void {
    if (types.length !== values.length) throw new DbusError(`${values.length} values for ${types.length} fields`);
    types.forEach((type, i) => {
      this.value(type, values[i] ?? 0);
    });
  }

  #array(of: Type, values: readonly Value[]): void {
    const at = this.#reserve(4);
    // The length is of the elements, without the padding before the first.
    this.#align(alignmentOf(of));
    const begin = this.#length;
    for (const value of values) this.value(of, value);
    this.#view.setUint32(at, this.#length - begin, LITTLE);
  }

  #variant(value: Value): void {
    if (!isVariant(value)) throw new DbusError("a variant has a signature");
    this.#basic("g", value.signature);
    this.value(parseType(value.signature), value.value);
  }

  #basic(code: BasicCode, value: Value): void {
    if (code === "s" || code === "o" || code === "g") return this.#text(code, value);
    if (code === "x" || code === "t") return this.#wide(code, value);
    if (code === "d") return this.#put(8, (view, at) => view.setFloat64(at, numberOf(value), LITTLE));
    if (code === "b") return this.#number(code, value === true ? 1 : 0);
    const number = numberOf(value);
    const [least, most] = RANGES[code] ?? [0, 0];
    if (!Number.isInteger(number) || number < least || number > most) throw new DbusError(`${number} is no ${code}`);
    this.#number(code, number);
  }

  #number(code: BasicCode, number: number): void {
    if (code === "y") this.#put(1, (view, at) => view.setUint8(at, number));
    else if (code === "n" || code === "q") this.#put(2, (view, at) => view.setUint16(at, number & 0xffff, LITTLE));
    else this.#put(4, (view, at) => view.setUint32(at, number >>> 0, LITTLE));
  }

  #wide(code: "x" | "t", value: Value): void {
    const wide = typeof value === "bigint" ? value : BigInt(numberOf(value));
    const fits = code === "t" ? BigInt.asUintN(64, wide) === wide : BigInt.asIntN(64, wide) === wide;
    if (!fits) throw new DbusError(`${wide} is no ${code}`);
    this.#put(8, (view, at) => view.setBigUint64(at, BigInt.asUintN(64, wide), LITTLE));
  }

  #text(code: "s" | "o" | "g", value: Value): void {
    if (typeof value !== "string" || value.includes("\0")) throw new DbusError("a text without NUL is wanted");
    if (code === "o" && !isObjectPath(value)) throw new DbusError(`${JSON.stringify(value)} is no object path`);
    if (code === "g") parseSignature(value);
    const bytes = new TextEncoder().encode(value);
    this.#number(code === "g" ? "y" : "u", bytes.length);
    const at = this.#reserve(bytes.length + 1);
    this.#buffer.set(bytes, at);
  }

  /** The view is another one after the buffer has grown. */
  #put(size: number, write: (view: DataView, at: number) => void): void {
    const at = this.#reserve(size);
    write(this.#view, at);
  }

  #align(to: number): void {
    this.#reserve((to - (this.#length % to)) % to);
  }

  /** The place of `size` bytes more, all zero. */
  #reserve(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#buffer.length) {
      const larger = new Uint8Array(this.#length * 2);
      larger.set(this.#buffer);
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

function listOf(value: Value): readonly Value[] {
  if (Array.isArray(value)) return value;
  throw new DbusError("a list is wanted");
}

function numberOf(value: Value): number {
  if (typeof value === "number") return value;
  throw new DbusError("a number is wanted");
}
