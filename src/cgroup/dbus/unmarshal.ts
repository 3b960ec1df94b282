// Bytes → values, "Marshaling (Wire Format)" of the D-Bus specification. Pure and strict: padding is zero, a boolean is 0 or 1, text is UTF-8 without
// NUL, and nothing reaches beyond what holds it.
import { DbusError } from "./dbus_error.ts";
import { alignmentOf, type BasicCode, parseSignature, parseType, type Type } from "./signature.ts";
import { isObjectPath, type Value } from "./value.ts";

/** Of variants in each other, beside what a signature can nest. */
const DEEPEST_VARIANT = 64;
const LARGEST_ARRAY = 1 << 26;

/** Values of the types of `signature` that `bytes` begins with, and where they end. `bytes` begins at a multiple of 8 of its message. */
export function unmarshal(
  signature: string,
  bytes: Uint8Array,
  littleEndian: boolean,
): { readonly values: readonly Value[]; readonly end: number } {
  const reader = new Reader(bytes, littleEndian);
  const values = parseSignature(signature).map((type) => reader.value(type, 0));
  return { values, end: reader.at };
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;
  at = 0;

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#little = littleEndian;
  }

  value(type: Type, variants: number): Value {
    this.#align(alignmentOf(type));
    switch (type.kind) {
      case "basic":
        return this.#basic(type.code);
      case "array":
        return this.#array(type.of, variants);
      case "struct":
        return type.fields.map((field) => this.value(field, variants));
      case "entry":
        return [this.#basic(type.key), this.value(type.value, variants)];
      case "variant":
        return this.#variant(variants);
    }
  }

  #array(of: Type, variants: number): readonly Value[] {
    const length = this.#view.getUint32(this.#take(4), this.#little);
    if (length > LARGEST_ARRAY) throw new DbusError("an array of more than 64 MiB");
    this.#align(alignmentOf(of));
    const end = this.at + length;
    if (end > this.#bytes.length) throw new DbusError("an array ends outside of its message");
    const values: Value[] = [];
    while (this.at < end) values.push(this.value(of, variants));
    if (this.at !== end) throw new DbusError("an array's last element ends outside of it");
    return values;
  }

  #variant(variants: number): Value {
    if (variants === DEEPEST_VARIANT) throw new DbusError("too many variants in each other");
    const signature = this.#text("g");
    return { signature, value: this.value(parseType(signature), variants + 1) };
  }

  #basic(code: BasicCode): Value {
    const [view, little] = [this.#view, this.#little];
    switch (code) {
      case "y":
        return view.getUint8(this.#take(1));
      case "n":
        return view.getInt16(this.#take(2), little);
      case "q":
        return view.getUint16(this.#take(2), little);
      case "i":
        return view.getInt32(this.#take(4), little);
      case "u":
      case "h":
        return view.getUint32(this.#take(4), little);
      case "b":
        return booleanOf(view.getUint32(this.#take(4), little));
      case "x":
        return view.getBigInt64(this.#take(8), little);
      case "t":
        return view.getBigUint64(this.#take(8), little);
      case "d":
        return view.getFloat64(this.#take(8), little);
      case "s":
      case "o":
      case "g":
        return this.#text(code);
    }
  }

  #text(code: "s" | "o" | "g"): string {
    const length =
      code === "g" ? this.#view.getUint8(this.#take(1)) : this.#view.getUint32(this.#take(4), this.#little);
    const begin = this.#take(length);
    if (this.#bytes[this.#take(1)] !== 0) throw new DbusError("a text does not end with NUL");
    const text = decoded(this.#bytes.subarray(begin, begin + length));
    if (code === "o" && !isObjectPath(text)) throw new DbusError("no object path");
    if (code === "g") parseSignature(text);
    return text;
  }

  #align(to: number): void {
    const padding = (to - (this.at % to)) % to;
    const begin = this.#take(padding);
    if (this.#bytes.subarray(begin, begin + padding).some((byte) => byte !== 0))
      throw new DbusError("padding that is not zero");
  }

  /** Where the next `size` bytes begin. */
  #take(size: number): number {
    const at = this.at;
    if (size > this.#bytes.length - at) throw new DbusError("a value ends outside of its message");
    this.at += size;
    return at;
  }
}

function booleanOf(number: number): boolean {
  if (number > 1) throw new DbusError(`${number} is no boolean`);
  return number === 1;
}

function decoded(bytes: Uint8Array): string {
  if (bytes.includes(0)) throw new DbusError("NUL within a text");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new DbusError("a text that is no UTF-8");
  }
}
