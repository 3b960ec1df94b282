// Hostile JSON, looked at field by field: each look says the type it wants and names the place when it is another. `null`
// is as absent, for Go's encoders write it for empty lists. A key that comes twice is refused, since parsers disagree on
// which one counts and a digest covers the bytes, not their reading.
import { OciError, quoted } from "./oci_error.ts";

/** Deeper than any document of the specification, and far from the end of the stack. */
const DEEPEST = 64;
const LONGEST_TEXT = 65536;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

export class JsonView {
  readonly #value: unknown;
  readonly #document: string;
  readonly #path: string;

  private constructor(value: unknown, document: string, path: string) {
    this.#value = value;
    this.#document = document;
    this.#path = path;
  }

  /** The object in `bytes`; `document` names it for messages. */
  static parse(bytes: Uint8Array, document: string, limit: number): JsonView {
    const refuse = (reason: string): OciError => new OciError("document", document, reason);
    if (bytes.length > limit) throw refuse(`it has ${bytes.length} bytes, more than the ${limit} allowed`);
    const text = decoded(bytes);
    if (text === undefined) throw refuse("it is no UTF-8 text");
    const problem = problemOf(text);
    if (problem !== undefined) throw refuse(problem);
    const value = parsed(text);
    if (value === undefined) throw refuse("it is no JSON");
    if (!isObject(value)) throw refuse("it is JSON, but no object");
    return new JsonView(value, document, "");
  }

  /** As {@link parse}, for the documents that are a list. */
  static parseList(bytes: Uint8Array, document: string, limit: number): JsonView {
    const wrapped = new Uint8Array(bytes.length + 10);
    wrapped.set(encoder.encode('{"list":'));
    wrapped.set(bytes, 8);
    wrapped.set(encoder.encode(" }"), bytes.length + 8);
    return JsonView.parse(wrapped, document, limit).field("list");
  }

  has(name: string): boolean {
    return this.optional(name) !== undefined;
  }

  field(name: string): JsonView {
    const found = this.optional(name);
    if (found) return found;
    throw new OciError("document", this.#document, `${this.#below(name)} is missing`);
  }

  optional(name: string): JsonView | undefined {
    const object = this.#object();
    const value = Object.hasOwn(object, name) ? object[name] : null;
    return value === null ? undefined : new JsonView(value, this.#document, this.#below(name));
  }

  text(longest = LONGEST_TEXT): string {
    if (typeof this.#value !== "string") throw this.refuse("is no text");
    if (this.#value.length > longest) throw this.refuse(`is longer than ${longest} characters`);
    return this.#value;
  }

  integer(lowest: number, highest: number): number {
    const value = this.#value;
    if (typeof value !== "number" || !Number.isInteger(value)) throw this.refuse("is no whole number");
    if (value < lowest || value > highest) throw this.refuse(`is ${value}, not within ${lowest} and ${highest}`);
    return value;
  }

  boolean(): boolean {
    if (typeof this.#value !== "boolean") throw this.refuse("is neither true nor false");
    return this.#value;
  }

  items(most: number): JsonView[] {
    if (!Array.isArray(this.#value)) throw this.refuse("is no list");
    if (this.#value.length > most) throw this.refuse(`has ${this.#value.length} items, more than the ${most} allowed`);
    return this.#value.map((item, at) => new JsonView(item, this.#document, `${this.#path}[${at}]`));
  }

  entries(most: number): [string, JsonView][] {
    const entries = Object.entries(this.#object());
    if (entries.length > most) throw this.refuse(`has ${entries.length} fields, more than the ${most} allowed`);
    return entries.map(([name, value]) => [name, new JsonView(value, this.#document, this.#below(name))]);
  }

  /** The error that this place `reason` ("is no text"). */
  refuse(reason: string, hint = ""): OciError {
    return new OciError("document", this.where, `it ${reason}`, hint);
  }

  /** For messages: the document, and the place in it. */
  get where(): string {
    return this.#path === "" ? this.#document : `${this.#document}, ${this.#path}`;
  }

  #object(): Readonly<Record<string, unknown>> {
    if (isObject(this.#value)) return this.#value;
    throw this.refuse("is no object");
  }

  #below(name: string): string {
    const plain = /^[A-Za-z][A-Za-z0-9_]*$/.test(name) ? name : quoted(name);
    return this.#path === "" ? plain : `${this.#path}.${plain}`;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What JSON.parse does not tell: nesting that is too deep, a key that comes twice. Text that is no JSON gets any answer. */
function problemOf(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{" || character === "[") {
      if (open.push(character === "{" ? new Set() : undefined) > DEEPEST) return `it is nested deeper than ${DEEPEST}`;
    } else if (character === "}" || character === "]") open.pop();
    else if (character === '"') {
      const end = endOfString(text, at);
      const key = keyAt(text, at, end);
      if (key !== undefined && open.at(-1)?.has(key)) return `the field ${quoted(key)} comes twice in one object`;
      if (key !== undefined) open.at(-1)?.add(key);
      at = end;
    }
  }
  return undefined;
}

/** Index of the quote that closes the one at `start`, or of the text's end. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return Math.min(at, text.length);
}

function keyAt(text: string, start: number, end: number): string | undefined {
  let after = end + 1;
  while (after < text.length && text.charCodeAt(after) <= 0x20) after++;
  if (text.charCodeAt(after) !== COLON) return undefined;
  // Escapes are undone: "a" and "\u0061" are one key.
  const key = parsed(text.slice(start, end + 1));
  return typeof key === "string" ? key : undefined;
}

const encoder = new TextEncoder();
