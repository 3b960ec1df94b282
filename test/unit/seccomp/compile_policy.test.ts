import { describe, expect, test } from "bun:test";
import { AUDIT_ARCH, ENTRIES, type SyscallArch, X32_SYSCALL_BIT } from "../../../src/seccomp/arch.ts";
import { compilePolicy, returnValue } from "../../../src/seccomp/compile_policy.ts";
import {
  type Action,
  ALLOW,
  type ArgumentIndex,
  type Condition,
  errno,
  KILL_PROCESS,
  type Operator,
  type Policy,
  type Rule,
} from "../../../src/seccomp/policy.ts";
import { syscallTable } from "../../../src/seccomp/syscall_table.ts";
import { evaluate } from "./evaluate.ts";
import { interpret, interpreter, type SeccompData } from "./interpret.ts";
import { type Random, random } from "./random.ts";

const X86_64 = AUDIT_ARCH.x86_64;
const EPERM_RETURN = 0x00050001;
const ENOSYS_RETURN = 0x00050026;
const ALLOW_RETURN = 0x7fff0000;
const KILL_RETURN = 0x80000000;

function policyOf(rules: readonly Rule[], arches: readonly SyscallArch[] = ["x86_64"]): Policy {
  return { defaultAction: errno(1), foreignAction: KILL_PROCESS, arches: arches.map((arch) => ({ arch, rules })) };
}

function readWith(args: readonly Condition[], arch: SyscallArch, values: readonly bigint[]): number {
  const program = compilePolicy(policyOf([{ names: ["read"], action: ALLOW, args }], [arch]));
  const nr = syscallTable(arch).get("read") ?? -1;
  return interpret(program, { arch: AUDIT_ARCH[arch], nr, args: values }).action;
}

describe("actions", () => {
  const values: readonly (readonly [Action, number])[] = [
    [{ kind: "kill_process" }, 0x80000000],
    [{ kind: "kill_thread" }, 0],
    [{ kind: "trap" }, 0x00030000],
    [{ kind: "errno", errno: 0 }, 0x00050000],
    [{ kind: "errno", errno: 4095 }, 0x00050fff],
    [{ kind: "notify" }, 0x7fc00000],
    [{ kind: "trace", data: 0xffff }, 0x7ff0ffff],
    [{ kind: "log" }, 0x7ffc0000],
    [{ kind: "allow" }, 0x7fff0000],
  ];
  for (const [action, value] of values) {
    test(`${JSON.stringify(action)} is returned as 0x${value.toString(16)}`, () => {
      const program = compilePolicy(policyOf([{ names: ["read"], action }]));
      expect(interpret(program, { arch: X86_64, nr: 0 }).action).toBe(value);
    });
  }
});

describe("entries into the kernel", () => {
  test("an architecture that the policy does not list gets the foreign action", () => {
    const program = compilePolicy(policyOf([{ names: ["read"], action: ALLOW }], ["x86_64", "x32"]));
    for (const arch of [AUDIT_ARCH.i386, AUDIT_ARCH.aarch64, AUDIT_ARCH.arm, 0, 0xffffffff]) {
      expect(interpret(program, { arch, nr: 0 }).action).toBe(KILL_RETURN);
    }
  });

  test("the x32 bit is foreign where only x86_64 is listed", () => {
    const program = compilePolicy(policyOf([{ names: ["read"], action: ALLOW }]));
    expect(interpret(program, { arch: X86_64, nr: X32_SYSCALL_BIT }).action).toBe(KILL_RETURN);
    expect(interpret(program, { arch: X86_64, nr: 0x80000000 }).action).toBe(KILL_RETURN);
  });

  test("the number -1 of a tracer that skips a call is no x32 call", () => {
    const program = compilePolicy(policyOf([{ names: ["read"], action: ALLOW }]));
    expect(interpret(program, { arch: X86_64, nr: 0xffffffff }).action).toBe(EPERM_RETURN);
  });

  test("only x32 listed leaves x86_64 foreign", () => {
    const program = compilePolicy(policyOf([{ names: ["read"], action: ALLOW }], ["x32"]));
    expect(interpret(program, { arch: X86_64, nr: 0 }).action).toBe(KILL_RETURN);
    expect(interpret(program, { arch: X86_64, nr: X32_SYSCALL_BIT }).action).toBe(ALLOW_RETURN);
  });

  test("a name stands for another number on each architecture", () => {
    const arches: readonly SyscallArch[] = ["x86_64", "x32", "i386", "aarch64", "arm"];
    const program = compilePolicy(policyOf([{ names: ["ioctl"], action: ALLOW }], arches));
    const allowed = (arch: number, nr: number): boolean => interpret(program, { arch, nr }).action === ALLOW_RETURN;
    expect(allowed(X86_64, 16)).toBe(true);
    expect(allowed(X86_64, X32_SYSCALL_BIT + 514)).toBe(true);
    expect(allowed(X86_64, X32_SYSCALL_BIT + 16)).toBe(false);
    expect(allowed(AUDIT_ARCH.i386, 54)).toBe(true);
    expect(allowed(AUDIT_ARCH.i386, 16)).toBe(false);
    expect(allowed(AUDIT_ARCH.aarch64, 29)).toBe(true);
    expect(allowed(AUDIT_ARCH.arm, 54)).toBe(true);
  });

  test("numbers above unknownAbove get ENOSYS unless a rule names them", () => {
    const rules: readonly Rule[] = [{ names: ["read", "file_setattr"], action: ALLOW }];
    const program = compilePolicy({
      defaultAction: errno(1),
      foreignAction: KILL_PROCESS,
      arches: [{ arch: "x86_64", rules, unknownAbove: 400 }],
    });
    const answers = [0, 1, 400, 401, 468, 469, 470, 0x3fffffff].map(
      (nr) => interpret(program, { arch: X86_64, nr }).action,
    );
    const [E, N, A] = [EPERM_RETURN, ENOSYS_RETURN, ALLOW_RETURN];
    expect(answers).toEqual([A, E, E, N, N, A, N, N]);
  });

  test("unknownAbove itself is known, also right behind a call that a rule names", () => {
    const rules: readonly Rule[] = [{ names: ["read"], action: ALLOW }];
    const arches = [{ arch: "x86_64", rules, unknownAbove: 1 }] as const;
    const program = compilePolicy({ defaultAction: errno(1), foreignAction: KILL_PROCESS, arches });
    const answers = [0, 1, 2].map((nr) => interpret(program, { arch: X86_64, nr }).action);
    expect(answers).toEqual([ALLOW_RETURN, EPERM_RETURN, ENOSYS_RETURN]);
  });
});

describe("rules of one call", () => {
  const is = (value: bigint): readonly Condition[] => [{ index: 0, op: "SCMP_CMP_EQ", value }];
  const answers = (rules: readonly Rule[]): readonly number[] => {
    const run = interpreter(compilePolicy(policyOf(rules)));
    return [1n, 2n, 3n].map((value) => run({ arch: X86_64, nr: 0, args: [value] }).action & 0xffff);
  };
  const read = (number: number, args?: readonly Condition[]): Rule => {
    return { names: ["read"], action: errno(number), ...(args && { args }) };
  };

  test("the first one whose conditions hold wins", () => {
    expect(answers([read(10, is(1n)), read(11, is(1n)), read(12, is(2n))])).toEqual([10, 12, 1]);
  });

  test("the unconditional one comes after all conditional ones, wherever it is listed", () => {
    expect(answers([read(10), read(11, is(1n))])).toEqual([11, 10, 10]);
  });

  test("of two unconditional ones the first listed wins", () => {
    expect(answers([read(10), read(11)])).toEqual([10, 10, 10]);
  });

  test("all conditions of a rule must hold", () => {
    const args: readonly Condition[] = [
      { index: 0, op: "SCMP_CMP_GE", value: 2n },
      { index: 0, op: "SCMP_CMP_LT", value: 3n },
    ];
    expect(answers([read(10, args)])).toEqual([1, 10, 1]);
  });

  test("names an architecture does not have are passed over", () => {
    expect(answers([{ names: ["socketcall", "constructor", "read"], action: errno(7) }])).toEqual([7, 7, 7]);
  });
});

describe("comparisons", () => {
  const EDGES = [
    0n,
    1n,
    0x7fffffffn,
    0x80000000n,
    0xfffffffen,
    0xffffffffn,
    0x100000000n,
    0x100000001n,
    0x1ffffffffn,
    0x7fffffffffffffffn,
    0x8000000000000000n,
    0xfffffffeffffffffn,
    0xffffffff00000000n,
    0xffffffffffffffffn,
  ] as const;
  const OPERATORS: readonly Operator[] = [
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
  ];
  for (const arch of ["x86_64", "i386"] as const) {
    for (const op of OPERATORS) {
      test(`${op} is exact at every edge of the two halves on ${arch}`, () => {
        for (const value of EDGES) {
          const rules: readonly Rule[] = [{ names: ["read"], action: ALLOW, args: [{ index: 5, op, value }] }];
          expectAgreement(
            policyOf(rules, [arch]),
            arch,
            "read",
            EDGES.map((edge) => [0n, 0n, 0n, 0n, 0n, edge]),
          );
        }
      });
    }
    for (const op of ["SCMP_CMP_MASKED_EQ", "MASKED_NE"] as const) {
      test(`${op} is exact in both halves on ${arch}`, () => {
        const masks = [...EDGES, 0x7e020000n, 0xff00000000ff0000n, 0x0000000100000001n];
        for (const value of masks) {
          for (const valueTwo of [0n, value, value & 0x8000000180000001n, value | 1n, value & -value]) {
            const rules: readonly Rule[] = [
              { names: ["read"], action: ALLOW, args: [{ index: 1, op, value, valueTwo }] },
            ];
            expectAgreement(
              policyOf(rules, [arch]),
              arch,
              "read",
              [...masks, valueTwo].map((edge) => [0n, edge]),
            );
          }
        }
      });
    }
  }

  test("a 32-bit entry does not look at the half of a register the kernel cuts off", () => {
    const args: readonly Condition[] = [{ index: 0, op: "SCMP_CMP_EQ", value: 5n }];
    expect(readWith(args, "i386", [0xdeadbeef00000005n])).toBe(ALLOW_RETURN);
    expect(readWith(args, "x86_64", [0xdeadbeef00000005n])).toBe(EPERM_RETURN);
  });
});

describe("long programs", () => {
  const oneArgument = (count: number): readonly Rule[] =>
    Array.from({ length: count }, (_, i) => ({
      names: ["read"],
      action: errno(i % 3),
      args: [{ index: 0, op: "SCMP_CMP_EQ", value: BigInt(i * 3) }],
    }));

  test("4000 rules for one call reach returns that are thousands of instructions away", () => {
    const policy = policyOf(oneArgument(4000), ["x86_64"]);
    const program = compilePolicy(policy);
    expect(program.length / 8).toBeGreaterThan(4000);
    const run = interpreter(program);
    for (let value = 0; value < 12_100; value += 11) {
      const data = { arch: X86_64, nr: 0, args: [BigInt(value)] };
      expect(run(data).action).toBe(returnValue(evaluate(policy, data)));
    }
  });

  test("branches longer than 255 instructions on either side are taken right", () => {
    const names = [...syscallTable("x86_64").keys()].slice(0, 60);
    const rules = names.flatMap((name, n) =>
      Array.from({ length: 18 }, (_, i): Rule => {
        const value = BigInt(n * 1000 + i) << BigInt(i % 3);
        return {
          names: [name],
          action: errno((n + i) % 5),
          args: [{ index: (i % 6) as ArgumentIndex, op: "SCMP_CMP_EQ", value }],
        };
      }),
    );
    const policy = policyOf(rules.filter((_, i) => i % 4 !== 0));
    const program = compilePolicy(policy);
    expect(program.length / 8).toBeGreaterThan(3000);
    const run = interpreter(program);
    for (const [i, rule] of rules.entries()) {
      const condition = rule.args?.[0];
      const args = [0n, 0n, 0n, 0n, 0n, 0n];
      if (condition !== undefined) args[condition.index] = condition.value;
      const data = { arch: X86_64, nr: syscallTable("x86_64").get(rule.names[0] ?? "") ?? -1, args };
      expect([i, run(data).action]).toEqual([i, returnValue(evaluate(policy, data))]);
    }
  });

  test("a policy that needs more than BPF_MAXINSNS is refused with its length", () => {
    const rules = oneArgument(4096);
    expect(() => compilePolicy(policyOf(rules))).toThrow(/it has 4\d\d\d instructions, the kernel takes 4096/);
    expect(() => compilePolicy(policyOf([...rules, ...oneArgument(1)]))).toThrow(
      /it has 4097 rules for one system call/,
    );
  });

  test("a policy whose values combine without end is refused before the memory is gone", () => {
    const rules = Array.from({ length: 4000 }, (_, i): Rule => {
      return { names: ["read"], action: ALLOW, args: [{ index: 0, op: "SCMP_CMP_EQ", value: BigInt(i) << 32n }] };
    });
    expect(() => compilePolicy(policyOf(rules))).toThrow(/too many combinations of argument values/);
  });
});

describe("random policies", () => {
  for (const seed of [1, 0x5eed, 0xbadcafe, 0x7fffffff]) {
    test(`mean the same compiled as read, seed ${seed}`, () => {
      const source = random(seed);
      for (let i = 0; i < 60; i++) checkRandomPolicy(source);
    });
  }
});

const NAMES = ["read", "write", "open", "ioctl", "clone", "personality", "futex", "file_setattr", "execve"] as const;
const VALUES = [
  0n,
  1n,
  2n,
  7n,
  0x5412n,
  0xffffffffn,
  0x100000000n,
  0x100000007n,
  0xffffffff00000000n,
  0xffffffffffffffffn,
] as const;
const ALL_OPERATORS: readonly Operator[] = [
  "SCMP_CMP_NE",
  "SCMP_CMP_LT",
  "SCMP_CMP_LE",
  "SCMP_CMP_EQ",
  "SCMP_CMP_GE",
  "SCMP_CMP_GT",
  "SCMP_CMP_MASKED_EQ",
  "MASKED_NE",
];
const ACTIONS: readonly Action[] = [
  ALLOW,
  errno(0),
  errno(1),
  errno(38),
  KILL_PROCESS,
  { kind: "log" },
  { kind: "trap" },
];

const TABLES = {
  x86_64: syscallTable("x86_64"),
  x32: syscallTable("x32"),
  i386: syscallTable("i386"),
  aarch64: syscallTable("aarch64"),
  arm: syscallTable("arm"),
};

function checkRandomPolicy(source: Random): void {
  const policy = randomPolicy(source);
  const calls = Array.from({ length: 200 }, () => randomCall(source));
  expect(disagreements(policy, calls)).toEqual([]);
}

function randomPolicy(source: Random): Policy {
  const rules = (): readonly Rule[] => Array.from({ length: source.below(14) }, () => randomRule(source));
  const entries = ENTRIES[source.pick(["x86_64", "aarch64"] as const)].filter(() => source.below(4) > 0);
  const arches = entries.map((arch) => {
    const bound = (arch === "x32" ? X32_SYSCALL_BIT : 0) + source.below(500);
    return { arch, rules: rules(), ...(source.below(2) === 0 && { unknownAbove: bound }) };
  });
  return { defaultAction: source.pick(ACTIONS), foreignAction: source.pick(ACTIONS), arches };
}

function randomRule(source: Random): Rule {
  const names = Array.from({ length: 1 + source.below(3) }, () => source.pick(NAMES));
  const args = Array.from({ length: source.below(4) }, () => randomCondition(source));
  return { names, action: source.pick(ACTIONS), args };
}

function randomCondition(source: Random): Condition {
  const op = source.pick(ALL_OPERATORS);
  const index = source.below(3) as ArgumentIndex;
  const [value, valueTwo] = [source.pick(VALUES), source.pick(VALUES)];
  return { index, op, value, valueTwo: source.below(2) === 0 ? valueTwo : valueTwo & value };
}

function randomCall(source: Random): SeccompData {
  const arch: SyscallArch = source.pick(["x86_64", "x32", "i386", "aarch64", "arm"] as const);
  const named = TABLES[arch].get(source.pick(NAMES)) ?? 0;
  const nr = source.below(5) === 0 ? source.pick([0, 460, 470, 0x40000000, 0x400001d6, 0xffffffff]) : named;
  const jitter = (): bigint => BigInt.asUintN(64, source.pick(VALUES) + BigInt(source.below(3) - 1));
  return { arch: AUDIT_ARCH[arch], nr, args: [jitter(), jitter(), jitter()] };
}

function expectAgreement(policy: Policy, arch: SyscallArch, name: string, calls: readonly (readonly bigint[])[]): void {
  const nr = syscallTable(arch).get(name) ?? -1;
  const data = calls.map((args) => ({ arch: AUDIT_ARCH[arch], nr, args }));
  expect(disagreements(policy, data)).toEqual([]);
}

/** Calls that the compiled program answers otherwise than the policy reads. */
function disagreements(policy: Policy, calls: readonly SeccompData[]): readonly unknown[] {
  const run = interpreter(compilePolicy(policy));
  return calls.flatMap((data) => {
    const [got, wanted] = [run(data).action, returnValue(evaluate(policy, data))];
    return got === wanted ? [] : [{ data, got, wanted, policy }];
  });
}
