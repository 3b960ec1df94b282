import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { AUDIT_ARCH, type SyscallArch, X32_SYSCALL_BIT } from "../../../src/seccomp/arch.ts";
import { compilePolicy } from "../../../src/seccomp/compile_policy.ts";
import { parseSeccompProfile, type SeccompProfile } from "../../../src/seccomp/oci_profile.ts";
import type { ProfileHost } from "../../../src/seccomp/profile_rules.ts";
import { syscallTable } from "../../../src/seccomp/syscall_table.ts";
import { interpreter } from "./interpret.ts";
import { random } from "./random.ts";

const OCI = fixture("oci.json");
const DOCKER = fixture("docker.json");
const HOST: ProfileHost = { arch: "x86_64", capabilities: new Set(), kernel: [6, 1] };

const ALLOW = 0x7fff0000;
const ENOSYS = 0x00050026;
const EPERM = 0x00050001;
const EACCES = 0x0005000d;
const KILL_PROCESS = 0x80000000;

function fixture(name: string): string {
  return readFileSync(new URL(`../../fixtures/seccomp/${name}`, import.meta.url), "utf8");
}

function profileOf(profile: unknown, host = HOST): Extract<SeccompProfile, { kind: "profile" }> {
  const read = parseSeccompProfile(profile, host);
  if (read.kind === "problems") throw new Error(JSON.stringify(read.problems));
  return read;
}

/** What the kernel would answer. */
function answering(
  profile: unknown,
  host = HOST,
): (name: string | number, args?: readonly bigint[], arch?: SyscallArch) => number {
  const run = interpreter(compilePolicy(profileOf(profile, host).policy));
  return (name, args = [], arch = host.arch) => {
    const nr = typeof name === "number" ? name : (syscallTable(arch).get(name) ?? -1);
    return run({ arch: AUDIT_ARCH[arch], nr, args }).action;
  };
}

function problems(profile: unknown): readonly string[] {
  const read = parseSeccompProfile(profile, HOST);
  return read.kind === "problems" ? read.problems.map(({ path, message }) => `${path}: ${message}`) : [];
}

function withSyscall(entry: unknown): unknown {
  return { defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }, entry] };
}

function withArg(arg: unknown): unknown {
  return withSyscall({ names: ["ioctl"], action: "SCMP_ACT_ALLOW", args: [arg] });
}

describe("the runtime-spec form", () => {
  test("is read with its actions and their numbers", () => {
    const answer = answering(OCI);
    expect(answer("read")).toBe(ALLOW);
    expect(answer("getcwd")).toBe(0x7fc00000);
    expect(answer("ptrace")).toBe(0x7ff00007);
    expect(answer("mount")).toBe(EACCES);
  });

  test("keeps values of 64 bits to the last digit", () => {
    const answer = answering(OCI);
    expect(answer("prctl", [0n, 9007199254740993n])).toBe(ALLOW);
    expect(answer("prctl", [0n, 9007199254740992n])).toBe(EACCES);
    expect(answer("prctl", [0xfffffffffffffffen, 0xffffffffffffffffn])).toBe(ALLOW);
    expect(answer("prctl", [0xffffffffffffffffn, 9007199254740993n])).toBe(EACCES);
  });

  test("opens the listed entries and no other", () => {
    const answer = answering(OCI);
    expect(answer("read", [], "i386")).toBe(ALLOW);
    expect(answer("read", [], "x32")).toBe(KILL_PROCESS);
    expect(answer("read", [], "arm")).toBe(KILL_PROCESS);
  });

  test("without architectures has the machine's own entry only", () => {
    const answer = answering({ defaultAction: "SCMP_ACT_ALLOW" });
    expect(answer("read")).toBe(ALLOW);
    expect(answer("read", [], "i386")).toBe(KILL_PROCESS);
  });

  test("gives flags, the listener and names that nobody knows", () => {
    const { flags, listener, unknownNames } = profileOf(OCI);
    expect(flags).toEqual(["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]);
    expect(listener).toEqual({ path: "/run/listener.sock", metadata: "box" });
    expect(unknownNames).toEqual(["no_such_call"]);
  });

  test("answers numbers above the newest one it names with ENOSYS", () => {
    const answer = answering(OCI);
    expect([437, 438, 1000].map((nr) => answer(nr))).toEqual([ALLOW, ENOSYS, ENOSYS]);
    expect(answer(436)).toBe(EACCES);
  });

  test("leaves unknown numbers to a default action that lets calls through", () => {
    for (const [action, value] of [
      ["ALLOW", ALLOW],
      ["LOG", 0x7ffc0000],
      ["TRACE", 0x7ff00001],
    ] as const) {
      const answer = answering({
        defaultAction: `SCMP_ACT_${action}`,
        syscalls: [{ names: ["mount"], action: "SCMP_ACT_ERRNO" }],
      });
      expect(answer(5000)).toBe(value);
      expect(answer("mount")).toBe(EPERM);
    }
  });

  test("gets neither our terminal rules nor clone3 as unimplemented", () => {
    const names = ["ioctl", "clone3"];
    const answer = answering({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ names, action: "SCMP_ACT_ALLOW" }] });
    expect(answer("ioctl", [0n, 0x5412n])).toBe(ALLOW);
    expect(answer("clone3")).toBe(ALLOW);
  });

  test("compares under the mask, as libseccomp does", () => {
    const answer = answering(withArg({ index: 1, value: 0xff, valueTwo: 0x1234, op: "SCMP_CMP_MASKED_EQ" }));
    expect(answer("ioctl", [0n, 0xab34n])).toBe(ALLOW);
    expect(answer("ioctl", [0n, 0x1235n])).toBe(EPERM);
  });

  test("SCMP_ACT_KILL kills the thread", () => {
    expect(answering({ defaultAction: "SCMP_ACT_KILL" })("read")).toBe(0);
  });
});

describe("socketcall and ipc", () => {
  const x86 = (entry: object): unknown => ({
    defaultAction: "SCMP_ACT_ALLOW",
    architectures: ["SCMP_ARCH_X86"],
    syscalls: [entry],
  });

  test("are denied the calls that are denied by their own names", () => {
    const answer = answering(x86({ names: ["socket", "shmat"], action: "SCMP_ACT_ERRNO" }));
    expect(answer("socketcall", [1n], "i386")).toBe(EPERM);
    expect(answer("socketcall", [0xffffffff00000001n], "i386")).toBe(EPERM);
    expect(answer("socketcall", [2n], "i386")).toBe(ALLOW);
    expect(answer("ipc", [21n], "i386")).toBe(EPERM);
    expect(answer("ipc", [0x10015n], "i386")).toBe(EPERM);
    expect(answer("ipc", [22n], "i386")).toBe(ALLOW);
  });

  test("are left as the profile has them where it names them", () => {
    const answer = answering(x86({ names: ["socket", "socketcall"], action: "SCMP_ACT_ERRNO" }));
    expect(answer("socketcall", [2n], "i386")).toBe(EPERM);
  });
});

describe("Docker's form", () => {
  const admin: ProfileHost = { ...HOST, capabilities: new Set(["CAP_SYS_ADMIN"]) };

  test("takes the entries of archMap for this machine", () => {
    expect(profileOf(DOCKER).policy.arches.map(({ arch }) => arch)).toEqual(["x86_64", "x32", "i386"]);
    expect(profileOf(DOCKER, { ...HOST, arch: "aarch64" }).policy.arches.map(({ arch }) => arch)).toEqual([
      "aarch64",
      "arm",
    ]);
    expect(answering(DOCKER)(X32_SYSCALL_BIT)).toBe(ALLOW);
  });

  test("takes name for names, and null for nothing", () => {
    expect(answering(DOCKER)("getpid")).toBe(ALLOW);
  });

  test("includes what fits the capabilities", () => {
    expect(answering(DOCKER)("mount")).toBe(EPERM);
    expect(answering(DOCKER, admin)("mount")).toBe(ALLOW);
    expect(answering(DOCKER)("clone3")).toBe(ENOSYS);
    expect(answering(DOCKER, { ...admin, kernel: [5, 19] })("clone3")).toBe(EPERM);
  });

  test("includes what fits the machine", () => {
    const arm: ProfileHost = { ...HOST, arch: "aarch64" };
    expect(answering(DOCKER)("arch_prctl")).toBe(ALLOW);
    expect(answering(DOCKER)("socket")).toBe(ALLOW);
    expect(answering(DOCKER, arm)("socket")).toBe(EPERM);
    expect(answering(DOCKER, arm)("read", [], "arm")).toBe(ALLOW);
  });

  test("includes what fits the kernel, by number and not by letter", () => {
    const at = (major: number, minor: number) => answering(DOCKER, { ...HOST, kernel: [major, minor] });
    expect([at(4, 7)("ptrace"), at(4, 8)("ptrace"), at(4, 10)("ptrace"), at(5, 0)("ptrace")]).toEqual([
      EPERM,
      ALLOW,
      ALLOW,
      ALLOW,
    ]);
    expect([at(5, 19)("futex_waitv"), at(6, 0)("futex_waitv")]).toEqual([ALLOW, ENOSYS]);
  });
});

describe("problems", () => {
  const cases: readonly (readonly [string, unknown, RegExp])[] = [
    ["text that is no JSON", "{", /^: is not JSON: /],
    ["no object", [], /^: must be an object, it is an array$/],
    ["no default action", {}, /^defaultAction: is missing$/],
    [
      "an unknown action",
      { defaultAction: "SCMP_ACT_MAYBE" },
      /^defaultAction: "SCMP_ACT_MAYBE" is no action; there are SCMP_ACT_KILL /,
    ],
    ["an action from Object.prototype", { defaultAction: "constructor" }, /is no action/],
    ["a number for an action", { defaultAction: 1 }, /^defaultAction: must be a string, it is 1$/],
    [
      "a number no action takes",
      { defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 1 },
      /^defaultErrnoRet: is only for /,
    ],
    [
      "an errno above 4095",
      { defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 4096 },
      /^defaultErrnoRet: must be from 0 to 4095, it is 4096$/,
    ],
    ["an unknown flag", { defaultAction: "SCMP_ACT_ALLOW", flags: ["X"] }, /^flags\[0\]: "X" is no filter flag/],
    [
      "an unknown architecture",
      { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_Z80"] },
      /^architectures\[0\]: "SCMP_ARCH_Z80" is no architecture/,
    ],
    [
      "both forms of architectures",
      {
        defaultAction: "SCMP_ACT_ALLOW",
        architectures: ["SCMP_ARCH_X86"],
        archMap: [{ architecture: "SCMP_ARCH_X86_64" }],
      },
      /^archMap: stands beside architectures/,
    ],
    [
      "an archMap entry without architecture",
      { defaultAction: "SCMP_ACT_ALLOW", archMap: [{}] },
      /^archMap\[0\]\.architecture: is missing$/,
    ],
    [
      "syscalls as an object",
      { defaultAction: "SCMP_ACT_ALLOW", syscalls: {} },
      /^syscalls: must be an array, it is an object$/,
    ],
    ["an entry that is a string", withSyscall("read"), /^syscalls\[1\]: must be an object, it is "read"$/],
    [
      "an entry without names",
      withSyscall({ action: "SCMP_ACT_ALLOW" }),
      /^syscalls\[1\]\.names: must name at least one system call$/,
    ],
    [
      "name beside names",
      withSyscall({ name: "open", names: ["open"], action: "SCMP_ACT_ALLOW" }),
      /^syscalls\[1\]\.name: stands beside names/,
    ],
    [
      "a name that is a number",
      withSyscall({ names: [3], action: "SCMP_ACT_ALLOW" }),
      /^syscalls\[1\]\.names\[0\]: must be a string, it is 3$/,
    ],
    ["an entry without action", withSyscall({ names: ["open"] }), /^syscalls\[1\]\.action: is missing$/],
    [
      "an argument out of range",
      withArg({ index: 6, value: 0, op: "SCMP_CMP_EQ" }),
      /^syscalls\[1\]\.args\[0\]\.index: must be from 0 to 5, it is 6$/,
    ],
    ["an argument without value", withArg({ index: 0, op: "SCMP_CMP_EQ" }), /\.args\[0\]\.value: is missing$/],
    [
      "a negative value",
      withArg({ index: 0, value: -1, op: "SCMP_CMP_EQ" }),
      /\.value: must be from 0 to 18446744073709551615, it is -1$/,
    ],
    [
      "a fraction",
      withArg({ index: 0.5, value: 0, op: "SCMP_CMP_EQ" }),
      /\.index: must be a whole number, it is 0\.5$/,
    ],
    [
      "a value in quotes",
      withArg({ index: 0, value: "1", op: "SCMP_CMP_EQ" }),
      /\.value: must be a whole number, it is "1"$/,
    ],
    [
      "a value that has lost digits",
      withArg({ index: 0, value: 2 ** 60, op: "SCMP_CMP_EQ" }),
      /\.value: is above 2\^53 .* hand over the profile as text$/,
    ],
    [
      "an unknown operator",
      withArg({ index: 0, value: 0, op: "EQ" }),
      /\.op: "EQ" is no operator; there are SCMP_CMP_NE /,
    ],
    ["an operator of ours", withArg({ index: 0, value: 0, op: "MASKED_NE" }), /\.op: "MASKED_NE" is no operator/],
    [
      "a kernel version that is none",
      withSyscall({ names: ["open"], action: "SCMP_ACT_ALLOW", includes: { minKernel: "4" } }),
      /^syscalls\[1\]\.includes\.minKernel: must be a version as "4\.8", it is "4"$/,
    ],
    [
      "a filter that is a list",
      withSyscall({ names: ["open"], action: "SCMP_ACT_ALLOW", excludes: [] }),
      /^syscalls\[1\]\.excludes: must be an object, it is an array$/,
    ],
  ];
  for (const [name, profile, message] of cases) {
    test(`${name}: one problem with its path`, () => {
      const found = problems(profile);
      expect(found).toHaveLength(1);
      expect(found[0]).toMatch(message);
    });
  }

  test("2^64 in text is out of range, 2^64 - 1 is not", () => {
    const text = (value: string): string =>
      `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":${value},"op":"SCMP_CMP_EQ"}]}]}`;
    expect(problems(text("18446744073709551616"))).toHaveLength(1);
    expect(problems(text("1e3"))).toHaveLength(0);
    expect(problems(text("1e30"))).toHaveLength(1);
    expect(answering(text("18446744073709551615"))("read", [0xffffffffffffffffn])).toBe(ALLOW);
  });

  test("an entry that does not apply here is checked all the same", () => {
    const entry = { names: ["open"], action: "NO", includes: { caps: ["CAP_SYS_ADMIN"] } };
    expect(problems(withSyscall(entry))[0]).toMatch(/^syscalls\[1\]\.action: "NO" is no action/);
  });

  test("all of them are reported at once", () => {
    const profile = { defaultAction: "A", architectures: ["B"], flags: ["C"], syscalls: [{ action: "D" }] };
    expect(problems(profile).map((line) => line.split(":")[0])).toEqual([
      "defaultAction",
      "syscalls[0].names",
      "syscalls[0].action",
      "architectures[0]",
      "flags[0]",
    ]);
  });
});

describe("any text", () => {
  test("gives a program that the kernel takes, or problems", () => {
    const source = random(0xf022);
    const outcomes = { profile: 0, problems: 0 };
    for (let i = 0; i < 1500; i++) {
      const text = mutate(source.pick([OCI, DOCKER]), 1 + source.below(4), source);
      const read = parseSeccompProfile(text, HOST);
      outcomes[read.kind]++;
      if (read.kind === "problems") expect(read.problems.length).toBeGreaterThan(0);
      else interpreter(compilePolicy(read.policy));
    }
    expect(outcomes.profile).toBeGreaterThan(50);
    expect(outcomes.problems).toBeGreaterThan(50);
  });
});

const PIECES = [
  "null",
  "[]",
  "{}",
  '""',
  "0",
  "-1",
  "1e999",
  "18446744073709551616",
  '"SCMP_ACT_KILL"',
  ",",
  "}",
  "]",
  '"__proto__"',
] as const;

function mutate(text: string, times: number, source: ReturnType<typeof random>): string {
  let mutated = text;
  for (let i = 0; i < times; i++) {
    const tokens = mutated.split(/([\s,[\]{}:]+)/);
    tokens[source.below((tokens.length + 1) >> 1) * 2] = source.pick([source.pick(PIECES), source.pick(tokens), ""]);
    mutated = tokens.join("");
  }
  return mutated;
}
