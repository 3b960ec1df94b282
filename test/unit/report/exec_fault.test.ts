import { describe, expect, test } from "bun:test";
import { ERRNO } from "../../../ffi/errno.ts";
import { execFault } from "../../../src/report/exec_fault.ts";
import { build } from "../support_spec.ts";

const { spec } = build(["tool", "x"]);
const FILE = 0o100755;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function fault(errno: keyof typeof ERRNO, mode: number, head: Uint8Array = new Uint8Array(0)) {
  return execFault({ kind: "exec", path: "/usr/bin/tool", errno: ERRNO[errno], mode, head }, spec);
}

describe("execFault() tells the reasons apart", () => {
  test("127: nothing of that name, with the folders that were looked in", () => {
    expect(fault("ENOENT", 0)).toMatchObject({ exitCode: 127, what: "Cannot find the command tool" });
    expect(fault("ENOENT", 0).cause).toContain("/usr/bin:/bin");
  });

  test("127: the script's interpreter is missing, and which", () => {
    const found = fault("ENOENT", FILE, bytes("#! /opt/bin/python9 -u\n"));
    expect(found).toMatchObject({ exitCode: 127 });
    expect(found.cause).toContain("/opt/bin/python9");
  });

  test("127: the program's loader is missing, as a glibc program on Alpine", () => {
    expect(fault("ENOENT", FILE, dynamicProgram("/lib64/ld-linux-x86-64.so.2")).cause).toContain(
      "its interpreter /lib64/ld-linux-x86-64.so.2 does not exist",
    );
  });

  test("127: a program whose headers lead beyond what was read is not taken at its word", () => {
    const program = dynamicProgram("/lib/ld.so");
    for (let length = 0; length < program.length; length++)
      expect(fault("ENOENT", FILE, program.subarray(0, length)).cause).toContain("interpreter");
    const wild = dynamicProgram("/lib/ld.so").fill(0xff, 32);
    expect(fault("ENOENT", FILE, wild).cause).toBe("its interpreter does not exist in the sandbox");
  });

  test("127: a script written on Windows is told what is wrong with it", () => {
    const found = fault("ENOENT", FILE, bytes("#!/bin/sh\r\necho\r\n"));
    expect(found.cause).toContain("carriage return");
    expect(found.hint).toContain("sed -i");
  });

  test("126: a folder", () => {
    expect(fault("EACCES", 0o040755)).toMatchObject({ exitCode: 126, cause: "it is a folder" });
  });

  test("126: no execute permission, with the mend", () => {
    expect(fault("EACCES", 0o100644)).toMatchObject({ exitCode: 126, hint: "chmod +x /usr/bin/tool" });
  });

  test("126: another machine's program", () => {
    const head = new Uint8Array(64);
    head.set([0x7f, 0x45, 0x4c, 0x46]);
    head[18] = 243;
    expect(fault("ENOEXEC", FILE, head).cause).toContain("riscv");
  });

  test("126: neither program nor script", () => {
    expect(fault("ENOEXEC", FILE, bytes("hello")).hint).toBe("run it by a shell: sh /usr/bin/tool");
  });
});

/** An ELF64 header, one program header, PT_INTERP, and what it names, elf(5). */
function dynamicProgram(interpreter: string): Uint8Array {
  const program = new Uint8Array(64 + 56 + interpreter.length + 1);
  const view = new DataView(program.buffer);
  program.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(18, 62, true);
  view.setUint32(32, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  view.setUint32(64, 3, true);
  view.setUint32(64 + 8, 64 + 56, true);
  view.setUint32(64 + 32, interpreter.length + 1, true);
  program.set(bytes(interpreter), 64 + 56);
  return program;
}
