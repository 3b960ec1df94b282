import { expect, test } from "bun:test";
import { callName } from "../../../../src/net/fast/caught_call.ts";
import { AUDIT_ARCH, type SyscallArch } from "../../../../src/seccomp/arch.ts";
import { syscallTable } from "../../../../src/seccomp/syscall_table.ts";

const ARCHES: readonly SyscallArch[] = ["x86_64", "x32", "i386", "aarch64", "arm"];

test.each(ARCHES)("the numbers of %s are those of the filter", (arch) => {
  const table = syscallTable(arch);
  const named = [...table].flatMap(([name, number]) => {
    const found = callName(AUDIT_ARCH[arch], number | 0);
    return found === undefined ? [] : [[name, found]];
  });
  expect(new Map(named as [string, string][])).toEqual(
    new Map([
      ["bind", "bind"],
      ["connect", "connect"],
      ["listen", "listen"],
    ]),
  );
});

test("an architecture that there is not has none", () => expect(callName(0x1234, 42)).toBeUndefined());
