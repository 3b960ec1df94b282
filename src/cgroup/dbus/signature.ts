// Type signatures of the D-Bus specification ("Type System"): text → what a value is made of. Pure; whatever is no signature is refused.
import { DbusError } from "./dbus_error.ts";

export type BasicCode = "y" | "b" | "n" | "q" | "i" | "u" | "x" | "t" | "d" | "s" | "o" | "g" | "h";

export type Type =
  | { readonly kind: "basic"; readonly code: BasicCode }
  | { readonly kind: "array"; readonly of: Type }
  | { readonly kind: "struct"; readonly fields: readonly Type[] }
  /** In an array only. */
  | { readonly kind: "entry"; readonly key: BasicCode; readonly value: Type }
  | { readonly kind: "variant" };

const LONGEST = 255;
/** Of arrays, and of structs, in each other. */
const DEEPEST = 32;
const BASIC = /^[ybnqiuxtdsogh]$/;

/** The types one after another. */
export function parseSignature(text: string): readonly Type[] {
  if (text.length > LONGEST) throw new DbusError("a signature of more than 255 characters");
  const reader = new Reader(text);
  const types: Type[] = [];
  while (!reader.isAtEnd) types.push(reader.type(0, 0));
  return types;
}

/** Exactly one. */
export function parseType(text: string): Type {
  const [type, ...more] = parseSignature(text);
  if (type === undefined || more.length > 0) throw new DbusError(`${JSON.stringify(text)} is not one type`);
  return type;
}

/** In bytes: "Summary of D-Bus marshalling". */
export function alignmentOf(type: Type): number {
  switch (type.kind) {
    case "variant":
      return 1;
    case "array":
      return 4;
    case "struct":
    case "entry":
      return 8;
    case "basic":
      return ALIGNMENT[type.code];
  }
}

const ALIGNMENT: Readonly<Record<BasicCode, number>> = {
  ...{ y: 1, b: 4, n: 2, q: 2, i: 4, u: 4, x: 8, t: 8, d: 8 },
  ...{ s: 4, o: 4, g: 1, h: 4 },
};

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  type(arrays: number, structs: number): Type {
    const code = this.#text[this.#at++] ?? "";
    if (isBasic(code)) return { kind: "basic", code };
    if (code === "v") return { kind: "variant" };
    if (code === "a" && arrays < DEEPEST) return { kind: "array", of: this.#element(arrays + 1, structs) };
    if (code === "(" && structs < DEEPEST) return { kind: "struct", fields: this.#fields(arrays, structs + 1) };
    throw new DbusError(`no type begins with ${JSON.stringify(code)} here`);
  }

  #element(arrays: number, structs: number): Type {
    if (this.#text[this.#at] !== "{") return this.type(arrays, structs);
    this.#at++;
    const key = this.#text[this.#at++] ?? "";
    if (!isBasic(key) || structs >= DEEPEST) throw new DbusError("a dictionary's key is a basic type");
    const value = this.type(arrays, structs + 1);
    if (this.#text[this.#at++] !== "}") throw new DbusError("a dictionary's entry has two types");
    return { kind: "entry", key, value };
  }

  #fields(arrays: number, structs: number): readonly Type[] {
    const fields: Type[] = [];
    while (this.#text[this.#at] !== ")") fields.push(this.type(arrays, structs));
    this.#at++;
    if (fields.length === 0) throw new DbusError("an empty struct");
    return fields;
  }
}

function isBasic(code: string): code is BasicCode {
  return BASIC.test(code);
}
