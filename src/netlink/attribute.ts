// Attributes by the type of their value.
import type { Attribute } from "./message.ts";

export function u8(type: number, value: number): Attribute {
  return { type, value: Uint8Array.of(value) };
}

export function u32(type: number, value: number): Attribute {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return { type, value: bytes };
}

/** NUL-terminated. */
export function text(type: number, value: string): Attribute {
  return { type, value: new TextEncoder().encode(`${value}\0`) };
}

export function binary(type: number, value: Uint8Array): Attribute {
  return { type, value };
}

/** What `parts` hold, under one type. Absent parts are left out. */
export function nested(type: number, ...parts: readonly (Attribute | undefined)[]): Attribute {
  return { type, value: present(parts) };
}

export function present(parts: readonly (Attribute | undefined)[]): readonly Attribute[] {
  return parts.filter((part) => part !== undefined);
}
