// C structures as field lists: the layout is computed once by the rules of the System V ABI (natural alignment, little
// endian, the same on x86-64 and aarch64), so a structure is written as its man page shows it.

export type FieldType = "u8" | "u16" | "u32" | "s32" | "u64" | "s64";
type Fields = Readonly<Record<string, FieldType>>;
type Values<F extends Fields> = { readonly [K in keyof F]?: number | bigint };
type Read<F extends Fields> = { readonly [K in keyof F]: number };

const SIZES: Readonly<Record<FieldType, number>> = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8, s64: 8 };

export type Struct<F extends Fields> = {
  /** sizeof, in bytes. */
  readonly size: number;
  /** offsetof each field, in bytes. */
  readonly offsets: { readonly [K in keyof F]: number };
  /** A new buffer with the given fields set and the others zero. */
  encode(values: Values<F>): Uint8Array<ArrayBuffer>;
  /** Fields as numbers; 64-bit ones above 2^53 lose precision. */
  decode(bytes: Uint8Array, at?: number): Read<F>;
};

export function struct<const F extends Fields>(fields: F): Struct<F> {
  const offsets: Record<string, number> = {};
  let size = 0;
  let alignment = 1;
  for (const name in fields) {
    const width = SIZES[fields[name] as FieldType];
    size = alignUp(size, width);
    offsets[name] = size;
    size += width;
    alignment = Math.max(alignment, width);
  }
  size = alignUp(size, alignment);
  return {
    size,
    offsets: offsets as Struct<F>["offsets"],
    encode: (values) => encode(fields, offsets, size, values),
    decode: (bytes, at = 0) => decode(fields, offsets, bytes, at) as Read<F>,
  };
}

function alignUp(value: number, alignment: number): number {
  return (value + alignment - 1) & -alignment;
}

function encode(
  fields: Fields,
  offsets: Readonly<Record<string, number>>,
  size: number,
  values: Readonly<Record<string, number | bigint | undefined>>,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const name in values) {
    const value = values[name];
    const type = fields[name];
    const offset = offsets[name];
    if (value !== undefined && type !== undefined && offset !== undefined) put(view, type, offset, value);
  }
  return bytes;
}

function put(view: DataView, type: FieldType, offset: number, value: number | bigint): void {
  const width = SIZES[type];
  if (width === 1) view.setUint8(offset, Number(value));
  else if (width === 2) view.setUint16(offset, Number(value), true);
  else if (width === 4) view.setUint32(offset, Number(value), true);
  else view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
}

function decode(
  fields: Fields,
  offsets: Readonly<Record<string, number>>,
  bytes: Uint8Array,
  at: number,
): Record<string, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  const values: Record<string, number> = {};
  for (const name in fields) values[name] = get(view, fields[name] as FieldType, offsets[name] ?? 0);
  return values;
}

function get(view: DataView, type: FieldType, offset: number): number {
  switch (type) {
    case "u8":
      return view.getUint8(offset);
    case "u16":
      return view.getUint16(offset, true);
    case "u32":
      return view.getUint32(offset, true);
    case "s32":
      return view.getInt32(offset, true);
    case "u64":
      return Number(view.getBigUint64(offset, true));
    case "s64":
      return Number(view.getBigInt64(offset, true));
  }
}
