// The filter that has connections performed elsewhere, run as the kernel would run it, at every entry of a machine.
import { describe, expect, test } from "bun:test";
import { AUDIT_ARCH, ENTRIES } from "../../../src/seccomp/arch.ts";
import { returnValue } from "../../../src/seccomp/compile_policy.ts";
import { connectFilter } from "../../../src/seccomp/connect_filter.ts";
import { errno } from "../../../src/seccomp/policy.ts";
import { syscallTable } from "../../../src/seccomp/syscall_table.ts";
import { interpreter } from "./interpret.ts";

const [NOTIFY, ALLOW] = [returnValue({ kind: "notify" }), returnValue({ kind: "allow" })];
const [EPERM, ENOSYS, ENOPROTOOPT, EOPNOTSUPP] = [1, 38, 92, 95].map((number) => returnValue(errno(number)));
const FASTOPEN = 0x20000000n;
/** Registers have 64 bits where the kernel takes 32: what stands in the others changes nothing. */
const ABOVE = 0xabcd_0000_0000n;

for (const machine of ["x86_64", "aarch64"] as const) {
  const verdict = interpreter(connectFilter(machine));
  for (const arch of ENTRIES[machine]) {
    const table = syscallTable(arch);
    const answer = (name: string, ...args: readonly bigint[]): number | undefined => {
      const nr = table.get(name);
      return nr === undefined ? undefined : verdict({ arch: AUDIT_ARCH[arch], nr, args }).action;
    };

    describe(`${arch} on ${machine}`, () => {
      test.each(["connect", "bind", "listen"])("%s is performed by the supervisor", (name) => {
        expect(answer(name)).toBe(NOTIFY);
      });

      test.each([
        ["sendto", 3],
        ["sendmmsg", 3],
        ["sendmsg", 2],
      ] as const)("%s may not open a connection", (name, index) => {
        const flags = (value: bigint): readonly bigint[] => [...new Array(index).fill(0n), value];
        expect(answer(name, ...flags(FASTOPEN))).toBe(EOPNOTSUPP);
        expect(answer(name, ...flags(ABOVE | FASTOPEN | 0x4000n))).toBe(EOPNOTSUPP);
        expect(answer(name, ...flags(~FASTOPEN & 0xffffffffn))).toBe(ALLOW);
      });

      test("options that lead packets elsewhere are unknown, their neighbours are not", () => {
        for (const [level, name] of [
          [0n, 4n],
          [0n, 42n],
          [41n, 57n],
          [6n, 31n],
        ] as const) {
          expect(answer("setsockopt", 3n, level, name)).toBe(ENOPROTOOPT);
          expect(answer("setsockopt", 3n, ABOVE | level, ABOVE | name)).toBe(ENOPROTOOPT);
          expect(answer("setsockopt", 3n, level, name + 100n)).toBe(ALLOW);
          expect(answer("setsockopt", 3n, level + 1n, name)).toBe(ALLOW);
        }
      });

      test("drivers of the host's are not spoken to", () => {
        const answers = [0x89efn, 0x89f0n, 0x89ffn, 0x8a00n].map((request) => answer("ioctl", 3n, request));
        expect(answers).toEqual([ALLOW, EPERM, EPERM, ALLOW]);
      });

      test("arguments in memory are none", () => {
        expect(answer("socketcall")).toBe(table.has("socketcall") ? ENOSYS : undefined);
      });

      test("all else is none of its business", () => {
        for (const name of ["read", "socket", "accept4", "recvmsg", "getsockopt"])
          expect([ALLOW, undefined]).toContain(answer(name));
      });
    });
  }
}
