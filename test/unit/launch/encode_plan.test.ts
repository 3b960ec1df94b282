import { describe, expect, test } from "bun:test";
import { ERRNO } from "../../../ffi/errno.ts";
import { NO_REGISTER, OP_LOAD, STEP_BYTES } from "../../../ffi/launch.ts";
import { address, memoryAt, SYSCALLS } from "../../../ffi/libc.ts";
import { encodePlan } from "../../../src/launch/encode_plan.ts";
import { Program } from "../../../src/plan/program.ts";
import { type Bytes, named } from "../../../src/plan/step.ts";

const AIM = { kind: "init" } as const;

/** The words of step `index`: [nr, out, registers, ...tolerated, ...args as bigint]. */
function step(bytes: Uint8Array, index: number) {
  const view = new DataView(bytes.buffer, index * STEP_BYTES, STEP_BYTES);
  return {
    nr: view.getUint32(0, true),
    out: view.getUint16(4, true),
    registers: view.getUint16(6, true),
    tolerated: [0, 1, 2, 3].map((i) => view.getInt32(8 + i * 4, true)),
    args: [0, 1, 2, 3, 4, 5].map((i) => view.getBigInt64(24 + i * 8, true)),
  };
}

function textAt(at: bigint): string {
  const bytes = memoryAt(Number(at), 64);
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}

describe("encodePlan()", () => {
  test("numbers keep their sign and all 64 bits", () => {
    const program = new Program();
    program.add(AIM, "openat", [named(-100, "AT_FDCWD"), 0, 0xffffffff, 2 ** 33 + 5, -1, 0]);
    const { args } = step(encodePlan(program.steps).bytes, 0);
    expect(args).toEqual([-100n, 0n, 0xffffffffn, 2n ** 33n + 5n, -1n, 0n]);
  });

  test("registers are marked by a bit, results have a place", () => {
    const program = new Program();
    const fd = program.let("fd", AIM, "openat", [0, "/x", 0, 0]);
    program.add(AIM, "dup3", [fd, 2, 0]);
    const { bytes } = encodePlan(program.steps);
    expect(step(bytes, 0)).toMatchObject({ nr: SYSCALLS.openat, out: fd.index, registers: 0 });
    expect(step(bytes, 1)).toMatchObject({ nr: SYSCALLS.dup3, out: NO_REGISTER, registers: 1 });
  });

  test("tolerated errnos are positive numbers, the rest zero", () => {
    const program = new Program();
    program.add(AIM, "mkdirat", [0, "x", 0], { tolerate: ["EEXIST", "EROFS"] });
    expect(step(encodePlan(program.steps).bytes, 0).tolerated).toEqual([ERRNO.EEXIST, ERRNO.EROFS, 0, 0]);
  });

  test("strings end in NUL, and survive growth of the memory", () => {
    const program = new Program();
    for (let i = 0; i < 2000; i++) program.add(AIM, "chdir", [`/folder/${i}/ä`]);
    program.add(AIM, "chdir", ["/folder/0/ä"]);
    const { bytes } = encodePlan(program.steps);
    expect(textAt(step(bytes, 1999).args[0] ?? 0n)).toBe("/folder/1999/ä");
    expect(textAt(step(bytes, 2000).args[0] ?? 0n)).toBe("/folder/0/ä");
  });

  test("a vector of strings is an array of pointers with a null at its end", () => {
    const program = new Program();
    program.add(AIM, "execve", ["/x", { kind: "strings", list: ["a", "bc"] }, { kind: "strings", list: [] }]);
    const { args } = step(encodePlan(program.steps).bytes, 0);
    const view = new DataView(memoryAt(Number(args[1]), 24).slice().buffer);
    expect(textAt(view.getBigUint64(0, true))).toBe("a");
    expect(textAt(view.getBigUint64(8, true))).toBe("bc");
    expect(view.getBigUint64(16, true)).toBe(0n);
  });

  test("pointers inside of bytes lead to the bytes that they name, and `inside` to a place in them", () => {
    const program = new Program();
    const inner: Bytes = { kind: "bytes", content: Uint8Array.of(7, 8, 9), shown: "" };
    const outer: Bytes = { kind: "bytes", content: new Uint8Array(16), shown: "", pointers: [{ at: 8, to: inner }] };
    program.add(AIM, "sendmsg", [0, outer, 0]);
    program.add(AIM, "load", [{ kind: "inside", of: inner, at: 2 }]);
    const { bytes } = encodePlan(program.steps);
    const view = new DataView(memoryAt(Number(step(bytes, 0).args[1]), 16).slice().buffer);
    expect([...memoryAt(Number(view.getBigUint64(8, true)), 3)]).toEqual([7, 8, 9]);
    expect(step(bytes, 1)).toMatchObject({ nr: OP_LOAD, args: [view.getBigUint64(8, true) + 2n, 0n, 0n, 0n, 0n, 0n] });
  });

  test("the buffer's address is what the pointers were made from", () => {
    const program = new Program();
    program.add(AIM, "chdir", ["/"]);
    const { bytes } = encodePlan(program.steps);
    expect(Number(step(bytes, 0).args[0])).toBeGreaterThanOrEqual(address(bytes) + STEP_BYTES);
  });

  test("a NUL inside a string is refused", () => {
    const program = new Program();
    program.add(AIM, "chdir", ["a\0b"]);
    expect(() => encodePlan(program.steps)).toThrow("NUL");
  });
});
