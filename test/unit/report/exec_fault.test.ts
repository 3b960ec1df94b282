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
    const head = bytes("\x7fELF........\0/lib64/ld-linux-x86-64.so.2\0");
    expect(fault("ENOENT", FILE, head).cause).toContain("/lib64/ld-linux-x86-64.so.2");
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
