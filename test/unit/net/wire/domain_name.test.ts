import { expect, test } from "bun:test";
import { encodeName, readName } from "../../../../src/net/wire/domain_name.ts";
import { random } from "../../../fixtures/rootfs-builder/random.ts";
import { fromHex } from "./captured.ts";
import { bytesOf, present } from "./values.ts";

const LABEL_63 = "a".repeat(63);
/** 255 octets with lengths and root: 3 * 64 + 62 + 1. */
const LONGEST = `${`${LABEL_63}.`.repeat(3)}${"a".repeat(61)}`;

test.each([
  [".", "00"],
  ["a", "016100"],
  ["example.com", "076578616d706c6503636f6d00"],
  ["_dns.x-1.test", "045f646e7303782d31047465737400"],
  ["a\\.b.c", "03612e62016300"],
  ["a\\\\.c", "02615c016300"],
  ["\\000\\032\\255", "030020ff00"],
])("%s, both ways", (name, hex) => {
  expect(encodeName(name)?.toHex()).toBe(hex);
  expect(readName(fromHex(hex), 0)).toEqual({ name, wireName: fromHex(hex), end: hex.length / 2 });
});

test("case is lost in text and kept in octets", () => {
  const bytes = fromHex("07 4578416d506c65 03 634f4d 00");
  const read = present(readName(bytes, 0));
  expect(read.name).toBe("example.com");
  expect(read.wireName.toHex()).toBe(bytes.toHex());
});

test("texts that mean the same", () => {
  expect(encodeName("a.b.")?.toHex()).toBe("0161016200");
  expect(encodeName("")?.toHex()).toBe("00");
  expect(encodeName("\\097\\b")?.toHex()).toBe("02616200");
  expect(encodeName("a\\.")?.toHex()).toBe("02612e00");
});

test("the longest name, and one more octet", () => {
  const wire = present(encodeName(LONGEST));
  expect(wire.length).toBe(255);
  expect(readName(wire, 0)?.name).toBe(LONGEST);
  expect(encodeName(`${LONGEST}a`)).toBeUndefined();
  const longer = fromHex(`${"3f".padEnd(128, "61").repeat(3)}3e${"61".repeat(62)}00`);
  expect(longer.length).toBe(256);
  expect(readName(longer, 0)).toBeUndefined();
});

test.each(["..", ".a", "a..b", `${LABEL_63}a`, "\\", "a\\", "\\1", "\\12", "\\256", "é", "a.é", "\\é", "\u{1f600}"])(
  "%p is no name",
  (name) => {
    expect(encodeName(name)).toBeUndefined();
  },
);

test("pointers lead back to labels", () => {
  const bytes = fromHex("0000 03636f6d00 0161c002 0162c007 ff");
  expect(readName(bytes, 7)).toMatchObject({ name: "a.com", end: 11 });
  expect(readName(bytes, 11)).toEqual({ name: "b.a.com", wireName: present(encodeName("b.a.com")), end: 15 });
});

test.each([
  ["nothing", "", 0],
  ["a start beyond the end", "00", 5],
  ["a label cut short", "0361", 0],
  ["no root", "0161", 0],
  ["half a pointer", "0161c0", 0],
  ["a pointer to itself", "c000", 0],
  ["a pointer to its own labels", "0161c000", 0],
  ["a pointer ahead", "c00200", 0],
  ["two pointers at each other", "c002c000", 2],
  ["a pointer beyond the end", "00c0ff", 1],
  ["the reserved label types", "40610000", 0],
  ["the other reserved one", "8061000000", 0],
])("%s: refused", (_, hex, at) => {
  expect(readName(fromHex(hex), at)).toBeUndefined();
});

test("pointers to pointers are counted: 127 are read, 128 aren't", () => {
  const chain = new Uint8Array(1 + 2 * 200);
  for (let count = 1; count <= 200; count++) {
    const target = count === 1 ? 0 : 1 + 2 * (count - 2);
    chain.set([0xc0 | (target >> 8), target & 0xff], 1 + 2 * (count - 1));
  }
  expect(readName(chain, 1 + 2 * 126)?.name).toBe(".");
  expect(readName(chain, 1 + 2 * 127)).toBeUndefined();
});

test("5000 random names of any octets are the same after text, but for case", () => {
  const { below } = random(0x1035);
  for (let round = 0; round < 5000; round++) {
    const labels = Array.from({ length: below(5) }, () => new Uint8Array(1 + below(20)).map(() => below(256)));
    const wire = Uint8Array.from([...labels.flatMap((label) => [label.length, ...label]), 0]);
    const read = present(readName(wire, 0));
    const again = present(encodeName(read.name));
    expect(readName(again, 0)?.name).toBe(read.name);
    expect(again.map(lower).toHex()).toBe(wire.map(lower).toHex());
    expect(bytesOf(read.name).every((octet) => octet > 0x20 && octet < 0x7f)).toBe(true);
  }
});

function lower(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet;
}
