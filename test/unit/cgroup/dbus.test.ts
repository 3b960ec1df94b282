import { describe, expect, test } from "bun:test";
import { AUTHENTICATION, readAuthentication } from "../../../src/cgroup/dbus/authentication.ts";
import { DbusError } from "../../../src/cgroup/dbus/dbus_error.ts";
import { marshal } from "../../../src/cgroup/dbus/marshal.ts";
import { formatCall, parseMessage } from "../../../src/cgroup/dbus/message.ts";
import { parseSignature } from "../../../src/cgroup/dbus/signature.ts";
import { unmarshal } from "../../../src/cgroup/dbus/unmarshal.ts";
import { type Value, variant } from "../../../src/cgroup/dbus/value.ts";
import { scopeProperties } from "../../../src/cgroup/user_scope.ts";
import { type Random, random } from "../host/random.ts";

const hex = (bytes: Uint8Array): string => bytes.toHex();
const bytesOf = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(" ", ""));
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("values", () => {
  test("have the bytes of the specification's examples", () => {
    // "Marshaling": the strings foo, + and bar; an array of one INT64, whose length leaves the padding out.
    expect(hex(marshal("sss", ["foo", "+", "bar"]))).toBe(
      hex(bytesOf("03000000 666f6f00 01000000 2b00 0000 03000000 62617200")),
    );
    expect(hex(marshal("ax", [[5n]]))).toBe(hex(bytesOf("08000000 00000000 0500000000000000")));
    expect(hex(marshal("v", [variant("u", 1)]))).toBe(hex(bytesOf("01 75 00 00 01000000")));
  });

  test("come back as they were, also the large", () => {
    const values: readonly Value[] = [
      255,
      -32_768,
      65_535,
      -1,
      4_294_967_295,
      -(2n ** 63n),
      2n ** 64n - 1n,
      0.5,
      true,
      "ä\u{1f600}".repeat(1000),
      "/org/freedesktop",
      "a{sv}",
      [["k", variant("a(ii)", [[1, 2]])]],
      [],
    ];
    const signature = "ynqiuxtdbsoga{sv}ad";
    const { values: read, end } = unmarshal(signature, marshal(signature, values), true);
    expect(read).toEqual([...values]);
    expect(end).toBe(marshal(signature, values).length);
  });

  test("grow whatever they grow from: every length of text around the sizes of the buffer", () => {
    for (let length = 200; length < 1100; length++) {
      const text = "x".repeat(length);
      expect(unmarshal("sut", marshal("sut", [text, 7, 9n]), true).values).toEqual([text, 7, 9n]);
    }
  });

  test("are refused where they do not fit", () => {
    const claims: readonly (readonly [string, Value])[] = [
      ["y", 256],
      ["u", -1],
      ["i", 0.5],
      ["t", -1n],
      ["o", "no/path"],
      ["o", "/a/"],
      ["s", "a\0"],
      ["g", "a"],
      ["(ii)", [1]],
      ["as", "text"],
    ];
    for (const [signature, value] of claims) expect(() => marshal(signature, [value])).toThrow(DbusError);
  });

  test("signatures that are none are refused", () => {
    const bad = [
      "a",
      "()",
      "(i",
      "a{vs}",
      "a{s}",
      "a{sss}",
      "{sv}",
      "z",
      "r",
      "i)",
      `${"a".repeat(33)}i`,
      "(".repeat(33),
    ];
    for (const text of [...bad, "i".repeat(256)]) expect(() => parseSignature(text)).toThrow(DbusError);
    expect(parseSignature(`${"a".repeat(32)}i`).length).toBe(1);
  });

  test("what is not strictly so is refused", () => {
    const bad: readonly (readonly [string, string])[] = [
      ["b", "02000000"],
      ["yu", "01 00 01 00 05000000"],
      ["s", "03000000 666f6f01"],
      ["s", "03000000 66006f00"],
      ["s", "01000000 ff00"],
      ["s", "ffffffff 00"],
      ["ay", "05000000 01"],
      ["au", "03000000 010000"],
      ["v", "02 7575 00 01000000"],
      ["v", `${"01 76 00".repeat(70)}01 79 00 01`],
    ];
    for (const [signature, text] of bad) expect(() => unmarshal(signature, bytesOf(text), true)).toThrow(DbusError);
  });
});

const CALL = formatCall({
  serial: 3,
  destination: "org.freedesktop.systemd1",
  path: "/org/freedesktop/systemd1",
  interface: "org.freedesktop.systemd1.Manager",
  member: "StartTransientUnit",
  signature: "ssa(sv)a(sa(sv))",
  body: ["sandbox-1.scope", "fail", scopeProperties("what runs", [41, 42]), []],
});

/** A message of any kind, as a bus would send it. */
function message(kind: number, fields: readonly Value[], signature = "", body: readonly Value[] = []): Uint8Array {
  const content = marshal(signature, body);
  const all = signature === "" ? fields : [...fields, [8, variant("g", signature)]];
  const header = marshal("yyyyuua(yv)", [108, kind, 0, 1, content.length, 9, all]);
  const bytes = new Uint8Array(Math.ceil(header.length / 8) * 8 + content.length);
  bytes.set(header);
  bytes.set(content, bytes.length - content.length);
  return bytes;
}

const SIGNAL = message(
  4,
  [
    [1, variant("o", "/org/freedesktop/systemd1")],
    [3, variant("s", "JobRemoved")],
    [7, variant("s", ":1.1")],
    [200, variant("s", "of a later version")],
  ],
  "uoss",
  [5, "/org/freedesktop/systemd1/job/5", "sandbox-1.scope", "done"],
);

describe("messages", () => {
  test("a call has what was put in, and ends where it ends", () => {
    const parsed = parseMessage(CALL);
    expect(parsed?.length).toBe(CALL.length);
    expect(parsed?.message).toMatchObject({ kind: "call", member: "StartTransientUnit" });
    expect(parsed?.message.body[2]).toContainEqual(["PIDs", variant("au", [41, 42])]);
    expect(parsed?.message.body[2]).toContainEqual(["Delegate", variant("b", true)]);
  });

  test("a signal is read, with a field that nobody knows passed over", () => {
    expect(parseMessage(SIGNAL)?.message).toEqual({
      kind: "signal",
      path: "/org/freedesktop/systemd1",
      member: "JobRemoved",
      sender: ":1.1",
      body: [5, "/org/freedesktop/systemd1/job/5", "sandbox-1.scope", "done"],
    });
  });

  test("no beginning of one is taken for a whole, and what follows stays", () => {
    for (let length = 0; length < SIGNAL.length; length++)
      expect(parseMessage(SIGNAL.subarray(0, length))).toBeUndefined();
    const two = new Uint8Array([...SIGNAL, ...CALL]);
    expect(parseMessage(two)?.length).toBe(SIGNAL.length);
    expect(parseMessage(two.slice(SIGNAL.length))?.message.kind).toBe("call");
  });

  test("other versions, byte orders, sizes and kinds", () => {
    const with_ = (at: number, value: number): Uint8Array => Object.assign(SIGNAL.slice(), { [at]: value });
    for (const bad of [with_(0, 0), with_(3, 2), with_(1, 0), with_(7, 1)])
      expect(() => parseMessage(bad)).toThrow(DbusError);
    expect(parseMessage(with_(1, 77))?.message.kind).toBe("other");
    expect(() => parseMessage(message(3, [[5, variant("s", "no serial")]]))).toThrow(DbusError);
  });

  test("whatever comes is a message, not yet one, or refused: 60,000 inputs, half of them changed from sound ones", () => {
    const next = random(0xdb05);
    const seen = { sound: 0, partial: 0, refused: 0 };
    for (let round = 0; round < 30_000; round++) {
      for (const bytes of [changed(round % 2 ? SIGNAL : CALL, next), noise(next)]) seen[outcome(bytes)]++;
    }
    expect(Object.values(seen).every((count) => count > 100)).toBe(true);
    expect(seen.sound + seen.partial + seen.refused).toBe(60_000);
  });
});

function outcome(bytes: Uint8Array): "sound" | "partial" | "refused" {
  try {
    return parseMessage(bytes) ? "sound" : "partial";
  } catch (error) {
    if (error instanceof DbusError) return "refused";
    throw error;
  }
}

function changed(bytes: Uint8Array, next: Random): Uint8Array {
  const copy = bytes.slice(0, next(8) === 0 ? next(bytes.length) : bytes.length);
  for (let i = 0; i <= next(3) && copy.length > 0; i++) copy[next(copy.length)] = next(256);
  return copy;
}

function noise(next: Random): Uint8Array {
  const bytes = Uint8Array.from({ length: next(80) }, () => next(4) * next(64));
  if (bytes.length > 16) bytes.set([108, 1 + next(4), 0, 1, next(24), 0, 0, 0, 1, 0, 0, 0, next(32), 0, 0, 0]);
  return bytes;
}

describe("authentication", () => {
  test("tells nothing of who we are: the kernel does", () => {
    expect(AUTHENTICATION).toBe("\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n");
  });

  test("is over behind OK, where messages begin", () => {
    const text = `DATA\r\nOK ${"0".repeat(32)}\r\n`;
    expect(readAuthentication(utf8(`${text}l`))).toEqual({ kind: "accepted", end: text.length });
    for (let length = 0; length < text.length; length++)
      expect(readAuthentication(utf8(text.slice(0, length)))).toEqual({ kind: "incomplete" });
  });

  test("is refused, or is none", () => {
    expect(readAuthentication(utf8("REJECTED EXTERNAL\r\n"))).toEqual({ kind: "rejected" });
    expect(readAuthentication(utf8("DATA\r\nREJECTED EXTERNAL\r\n"))).toEqual({ kind: "rejected" });
    for (const text of ["HTTP/1.1 400\r\n", "DATA\r\nOK short\r\n", "x".repeat(2000)])
      expect(() => readAuthentication(utf8(text))).toThrow(DbusError);
  });
});
