// JSON that another process wrote, maybe of another version: looked at field by field, and no more is believed than is asked for.

/** Thrown by the looks below; {@link readJson} catches it. */
class Misread extends Error {}

export class Fields {
  readonly #object: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Misread("no object");
    this.#object = value as Readonly<Record<string, unknown>>;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#object, name);
  }

  text(name: string, form: RegExp): string {
    const value = this.#at(name);
    if (typeof value !== "string" || !form.test(value)) throw new Misread(name);
    return value;
  }

  number(name: string, least: number, most: number): number {
    const value = this.#at(name);
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) throw new Misread(name);
    return value;
  }

  oneOf<T extends string>(name: string, words: readonly T[]): T {
    const found = words.find((word) => word === this.#at(name));
    if (found === undefined) throw new Misread(name);
    return found;
  }

  object(name: string): Fields {
    return new Fields(this.#at(name));
  }

  list<T>(name: string, most: number, item: (value: unknown) => T): readonly T[] {
    const value = this.#at(name);
    if (!Array.isArray(value) || value.length > most) throw new Misread(name);
    return value.map(item);
  }

  /** For what a look cannot tell: the field is there, and means nothing. */
  refuse(name: string): never {
    throw new Misread(name);
  }

  #at(name: string): unknown {
    return this.has(name) ? this.#object[name] : undefined;
  }
}

/** What `read` makes of the object that `text` is; `undefined` where it is none, or one of its looks finds what it does not expect. */
export function readJson<T>(text: string, read: (fields: Fields) => T): T | undefined {
  try {
    return read(new Fields(JSON.parse(text)));
  } catch (error) {
    // RangeError: nested deeper than the parser goes.
    if (error instanceof Misread || error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

export function textOf(value: unknown, form: RegExp): string {
  if (typeof value !== "string" || !form.test(value)) throw new Misread("text");
  return value;
}
