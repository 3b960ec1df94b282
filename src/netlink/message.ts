// A netlink message: struct nlmsghdr, a structure of the family's, and attributes; netlink(7) and rtnetlink(7). Every part begins at a
// multiple of four bytes, and all numbers are in the order of the processor, which is little endian wherever we run.

export type Attribute = { readonly type: number; readonly value: Uint8Array | readonly Attribute[] };

export type Request = {
  /** For people: as --explain and errors name it. */
  readonly shown: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
};

export const NLM_F = {
  NLM_F_REQUEST: 0x1,
  NLM_F_ACK: 0x4,
  NLM_F_REPLACE: 0x100,
  NLM_F_EXCL: 0x200,
  NLM_F_CREATE: 0x400,
} as const;
export const NLMSGHDR_BYTES = 16;
export const NLATTR_BYTES = 4;
export const AT_LENGTH = 0;
export const AT_TYPE = 4;
export const AT_FLAGS = 6;
export const AT_SEQUENCE = 8;

const NLA_F_NESTED = 0x8000;

/** `type` with NLM_F_REQUEST and `flags`; `body` is the fixed structure. Its sequence number is given by {@link batch}. */
export function message(
  type: number,
  flags: number,
  body: Uint8Array,
  attributes: readonly Attribute[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(NLMSGHDR_BYTES + aligned(body.length) + sizeOf(attributes));
  const view = new DataView(bytes.buffer);
  view.setUint32(AT_LENGTH, bytes.length, true);
  view.setUint16(AT_TYPE, type, true);
  view.setUint16(AT_FLAGS, NLM_F.NLM_F_REQUEST | flags, true);
  bytes.set(body, NLMSGHDR_BYTES);
  emitAttributes(view, NLMSGHDR_BYTES + aligned(body.length), attributes);
  return bytes;
}

/** `length` up to the next multiple of four. */
export function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** Where the value of the attribute at `path` (its type, that of one inside it, ...) begins; `undefined` if there is none. */
export function valueOffset(bytes: Uint8Array, path: readonly number[], from: number): number | undefined {
  let start = from;
  let end = bytes.length;
  for (const type of path) {
    const found = attributesIn(bytes, start, end).find((attribute) => attribute.type === type);
    if (!found) return undefined;
    start = found.at;
    end = found.at + found.length;
  }
  return start;
}

export type AttributePlace = { readonly type: number; readonly at: number; readonly length: number };

/** The attributes between two offsets, up to the first whose length cannot be. */
export function attributesIn(bytes: Uint8Array, from: number, to: number): readonly AttributePlace[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = Math.min(to, bytes.length);
  const found: AttributePlace[] = [];
  for (let at = from; at + NLATTR_BYTES <= end; ) {
    const length = view.getUint16(at, true);
    if (length < NLATTR_BYTES || at + length > end) break;
    const type = view.getUint16(at + 2, true) & 0x3fff;
    found.push({ type, at: at + NLATTR_BYTES, length: length - NLATTR_BYTES });
    at += aligned(length);
  }
  return found;
}

function sizeOf(attributes: readonly Attribute[]): number {
  return attributes.reduce((sum, { value }) => sum + aligned(NLATTR_BYTES + valueSize(value)), 0);
}

function valueSize(value: Attribute["value"]): number {
  return value instanceof Uint8Array ? value.length : sizeOf(value);
}

function emitAttributes(view: DataView, at: number, attributes: readonly Attribute[]): void {
  for (const { type, value } of attributes) {
    const length = NLATTR_BYTES + valueSize(value);
    view.setUint16(at, length, true);
    view.setUint16(at + 2, value instanceof Uint8Array ? type : type | NLA_F_NESTED, true);
    if (value instanceof Uint8Array) new Uint8Array(view.buffer, view.byteOffset).set(value, at + NLATTR_BYTES);
    else emitAttributes(view, at + NLATTR_BYTES, value);
    at += aligned(length);
  }
}
