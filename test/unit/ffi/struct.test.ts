import { describe, expect, test } from "bun:test";
import { struct } from "../../../ffi/struct.ts";

describe("struct() lays fields out as a C compiler does", () => {
  test("natural alignment, padding between and at the end", () => {
    const mixed = struct({ a: "u8", b: "u32", c: "u16", d: "u64", e: "u8" });
    expect(mixed.offsets).toEqual({ a: 0, b: 4, c: 8, d: 16, e: 24 });
    expect(mixed.size).toBe(32);
  });

  test("struct mount_attr and struct open_how have the sizes of the kernel's headers", () => {
    expect(struct({ attr_set: "u64", attr_clr: "u64", propagation: "u64", userns_fd: "u64" }).size).toBe(32);
    expect(struct({ flags: "u64", mode: "u64", resolve: "u64" }).size).toBe(24);
  });

  test("what is encoded is decoded, little endian, signed where it is signed", () => {
    const numbers = struct({ small: "s32", large: "s64", word: "u32", half: "u16", byte: "u8" });
    const values = { small: -5, large: -(2 ** 40), word: 0xfffffffe, half: 65535, byte: 255 };
    expect(numbers.decode(numbers.encode(values))).toEqual(values);
    expect([...struct({ x: "u32" }).encode({ x: 0x01020304 })]).toEqual([4, 3, 2, 1]);
  });

  test("fields that are not given are zero", () => {
    expect(struct({ a: "u64", b: "u32" }).encode({ b: 1 })).toEqual(
      Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0),
    );
  });
});
