// Values as they are written and read: numbers of 64 bits are bigint, arrays, structs and dictionary entries are lists.

export type Value = number | bigint | boolean | string | Variant | readonly Value[];

export type Variant = { readonly signature: string; readonly value: Value };

export function variant(signature: string, value: Value): Variant {
  return { signature, value };
}

export function isVariant(value: Value): value is Variant {
  return typeof value === "object" && !Array.isArray(value);
}

/** "Valid Object Paths". */
export function isObjectPath(text: string): boolean {
  return /^\/$|^(\/[A-Za-z0-9_]+)+$/.test(text);
}
