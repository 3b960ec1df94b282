import { describe, expect, test } from "bun:test";
import { AUDIT_ARCH, ENTRIES, type NativeArch, type SyscallArch, X32_SYSCALL_BIT } from "../../../src/seccomp/arch.ts";
import { compilePolicy, returnValue } from "../../../src/seccomp/compile_policy.ts";
import { type DefaultPolicyOptions, defaultPolicy } from "../../../src/seccomp/default_policy.ts";
import { ALLOWED_WITH, ALWAYS_ALLOWED } from "../../../src/seccomp/default_syscalls.ts";
import { syscallTable } from "../../../src/seccomp/syscall_table.ts";
import { evaluate } from "./evaluate.ts";
import { interpreter, type SeccompData } from "./interpret.ts";

const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;
const DONE = 0x00050000;
const KILL = 0x80000000;

const NATIVE: readonly NativeArch[] = ["x86_64", "aarch64"];
const ALL_ENTRIES = NATIVE.flatMap((native) => ENTRIES[native].map((arch) => [native, arch] as const));
const EMULATED = { emulateRoot: { uids: [0], gids: [0] } };

type Answer = (name: string | number, args?: readonly bigint[]) => number;

function options(arch: NativeArch, capabilities: readonly string[] = []): DefaultPolicyOptions {
  return { arch, capabilities: new Set(capabilities) };
}

function answering(wanted: DefaultPolicyOptions, arch: SyscallArch = wanted.arch): Answer {
  const run = interpreter(compilePolicy(defaultPolicy(wanted)));
  const table = syscallTable(arch);
  return (name, args = []) => {
    const nr = typeof name === "number" ? name : table.get(name);
    if (nr === undefined) throw new Error(`${arch} has no ${name}`);
    return run({ arch: AUDIT_ARCH[arch], nr, args }).action;
  };
}

function namesAnswered(answer: Answer, arch: SyscallArch, action: number): readonly string[] {
  return [...syscallTable(arch).keys()].filter((name) => answer(name) === action).sort();
}

describe("every call of every table", () => {
  const ARGS = [[], [1n, 0x5412n, 0n], [0x7e020000n, 1n], [0xffffffffffffffffn, 0xffffffffffffffffn], [5n, 5n, 5n, 5n]];
  for (const native of NATIVE) {
    for (const capabilities of [[], ["CAP_SYS_CHROOT"], Object.keys(ALLOWED_WITH)]) {
      for (const extra of [{}, EMULATED]) {
        test(`is answered by the program as the policy reads: ${native}, ${capabilities.length} capabilities, ${Object.keys(extra)}`, () => {
          const policy = defaultPolicy({ ...options(native, capabilities), ...extra });
          const run = interpreter(compilePolicy(policy));
          const wrong = everyCall(native, ARGS).filter(
            (data) => run(data).action !== returnValue(evaluate(policy, data)),
          );
          expect(wrong).toEqual([]);
        });
      }
    }
  }

  function everyCall(native: NativeArch, args: readonly (readonly bigint[])[]): readonly SeccompData[] {
    return ENTRIES[native].flatMap((arch) => {
      const odd = [470, 511, 548, 0x3fffffff, 0x40000000, 0x400001d6, 0x40000224, 0xfffffffe, 0xffffffff];
      const numbers = [...syscallTable(arch).values(), ...odd];
      return numbers.flatMap((nr) => args.map((values) => ({ arch: AUDIT_ARCH[arch], nr, args: values })));
    });
  }
});

describe("the profile", () => {
  test("names calls that exist, and each of them once", () => {
    const all = new Set(ALL_ENTRIES.flatMap(([, arch]) => [...syscallTable(arch).keys()]));
    const always = Object.values(ALWAYS_ALLOWED).flatMap((names) => names.split(/\s+/));
    const conditional = Object.values(ALLOWED_WITH).flatMap((names) => names.split(/\s+/));
    expect([...always, ...conditional].filter((name) => !all.has(name))).toEqual([]);
    expect(always.filter((name, i) => always.indexOf(name) !== i)).toEqual([]);
    expect(conditional.filter((name) => always.includes(name))).toEqual([]);
  });

  test("denies without capabilities exactly these calls of x86_64", () => {
    const denied =
      "_sysctl acct add_key afs_syscall bpf chroot clock_settime create_module delete_module fanotify_init file_getattr " +
      "file_setattr finit_module fsconfig fsmount fsopen fspick get_kernel_syms get_mempolicy getpmsg init_module " +
      "io_uring_enter io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie " +
      "lsm_get_self_attr lsm_list_modules lsm_set_self_attr mbind migrate_pages mount mount_setattr move_mount move_pages " +
      "nfsservctl open_by_handle_at open_tree open_tree_attr perf_event_open pidfd_getfd pivot_root process_madvise putpmsg " +
      "query_module quotactl quotactl_fd reboot request_key security set_mempolicy set_mempolicy_home_node setdomainname " +
      "sethostname setns settimeofday swapoff swapon sysfs syslog tuxcall umount2 unshare uprobe uselib userfaultfd ustat " +
      "vhangup vserver";
    const answer = answering(options("x86_64"));
    expect(namesAnswered(answer, "x86_64", EPERM)).toEqual(denied.split(" "));
    expect(namesAnswered(answer, "x86_64", ENOSYS)).toEqual(["clone3"]);
  });

  test("lets 32-bit programs make the calls that only they have", () => {
    const needed = ["sigreturn", "_llseek", "mmap2", "fcntl64", "clock_gettime64", "futex_time64", "ugetrlimit"];
    for (const [native, arch] of [
      ["x86_64", "i386"],
      ["aarch64", "arm"],
    ] as const) {
      const answer = answering(options(native), arch);
      expect(needed.filter((name) => answer(name) !== ALLOW)).toEqual([]);
    }
    expect(answering(options("aarch64"), "arm")("set_tls")).toBe(ALLOW);
    expect(answering(options("x86_64"), "i386")("socketcall", [1n])).toBe(ALLOW);
  });

  for (const [capability, names] of Object.entries(ALLOWED_WITH)) {
    test(`${capability} lets through ${names.replaceAll(/\s+/g, " ")}`, () => {
      const [without, having] = [answering(options("x86_64")), answering(options("x86_64", [capability]))];
      const present = names.split(/\s+/).filter((name) => syscallTable("x86_64").has(name));
      // clone without flags is allowed in any case
      expect(present.filter((name) => name !== "clone" && without(name) === ALLOW)).toEqual([]);
      expect(present.filter((name) => having(name) !== ALLOW)).toEqual([]);
      const others = [...syscallTable("x86_64").keys()].filter((name) => !present.includes(name));
      expect(others.filter((name) => without(name) !== having(name))).toEqual([]);
    });
  }

  for (const [native, arch] of ALL_ENTRIES) {
    test(`knows ${arch}: denied calls get EPERM, calls newer than the table ENOSYS`, () => {
      const answer = answering(options(native), arch);
      const bit = arch === "x32" ? X32_SYSCALL_BIT : 0;
      const denied = ["mount", "io_uring_setup", "bpf", "move_pages", "kexec_load", "file_setattr"];
      expect(denied.map((name) => answer(name))).toEqual(denied.map(() => EPERM));
      expect([470, 511, 550, 5000].map((nr) => answer(nr + bit))).toEqual([ENOSYS, ENOSYS, ENOSYS, ENOSYS]);
    });
  }

  test("a call by an entry of another machine kills the process", () => {
    const run = interpreter(compilePolicy(defaultPolicy(options("x86_64"))));
    for (const arch of [AUDIT_ARCH.aarch64, AUDIT_ARCH.arm, 0, 0x8000003e]) {
      expect(run({ arch, nr: 0 }).action).toBe(KILL);
    }
  });
});

describe("conditions on arguments", () => {
  for (const [native, arch] of ALL_ENTRIES) {
    test(`no terminal input is written through ioctl on ${arch}, whatever the upper half of the command`, () => {
      const answer = answering(options(native, ["CAP_SYS_ADMIN"]), arch);
      for (const upper of [0n, 1n, 0x80000000n, 0xffffffffn]) {
        expect(answer("ioctl", [0n, (upper << 32n) | 0x5412n])).toBe(EPERM);
        expect(answer("ioctl", [0n, (upper << 32n) | 0x541cn])).toBe(EPERM);
        expect(answer("ioctl", [0x5412n, (upper << 32n) | 0x5413n])).toBe(ALLOW);
      }
    });

    test(`clone makes no namespace on ${arch} without CAP_SYS_ADMIN`, () => {
      const answer = answering(options(native), arch);
      const flags = [0x20000n, 0x2000000n, 0x4000000n, 0x8000000n, 0x10000000n, 0x20000000n, 0x40000000n];
      expect(flags.map((flag) => answer("clone", [flag | 17n]))).toEqual(flags.map(() => EPERM));
      expect(answer("clone", [0x3d0f00n])).toBe(ALLOW); // what pthread_create passes
      expect(answering(options(native, ["CAP_SYS_ADMIN"]), arch)("clone", [0x10000011n])).toBe(ALLOW);
    });

    test(`socket takes the families of the profile on ${arch}`, () => {
      const answer = answering(options(native), arch);
      const allowed = Array.from({ length: 64 }, (_, i) => i).filter((i) => answer("socket", [BigInt(i)]) === ALLOW);
      const denied = [12, 18, 20, 23, 25, 34, 37, 38, 40];
      expect(allowed).toEqual(Array.from({ length: 46 }, (_, i) => i).filter((i) => !denied.includes(i)));
    });

    test(`personality takes five values on ${arch}`, () => {
      const answer = answering(options(native), arch);
      const tried = [0n, 8n, 0x20000n, 0x20008n, 0xffffffffn, 1n, 0x40000n, 0x20001n, 0x400000n];
      expect(tried.filter((value) => answer("personality", [value]) === ALLOW)).toEqual(tried.slice(0, 5));
    });
  }
});

describe("emulateRoot", () => {
  const NO_ID = 0xffffffffn;
  const mapped = { emulateRoot: { uids: [0, 7], gids: [0] } };

  for (const [native, arch] of ALL_ENTRIES) {
    const answer = answering({ ...options(native), ...mapped }, arch);
    const has32 = arch === "i386" || arch === "arm";
    const wide = (name: string): string => (has32 ? `${name}32` : name);

    test(`chown to a mapped id is made on ${arch}, to another it is answered with success`, () => {
      const chown = syscallTable(arch).has("chown") ? wide("chown") : "fchown";
      for (const [uid, gid, wanted] of [
        [0n, 0n, ALLOW],
        [7n, 0n, ALLOW],
        [NO_ID, NO_ID, ALLOW],
        [NO_ID, 0n, ALLOW],
        [7n, NO_ID, ALLOW],
        [1n, 0n, DONE],
        [0n, 7n, DONE],
        [1n, NO_ID, DONE],
        [NO_ID, 1n, DONE],
        [0xfffen, 0n, DONE],
        [0xffffn, 0n, DONE],
      ] as const) {
        expect([uid, gid, answer(chown, [0n, uid, gid])]).toEqual([uid, gid, wanted]);
        expect([uid, gid, answer("fchownat", [0n, 0n, uid, gid, 0n])]).toEqual([uid, gid, wanted]);
      }
    });

    test(`only the 32 bits of an id count on ${arch}`, () => {
      expect(answer("fchownat", [0n, 0n, 0xdead00000000n, 0xffffffffffffffffn])).toBe(ALLOW);
      expect(answer("fchownat", [0n, 0n, 0xdead00000001n, 0n])).toBe(DONE);
    });

    test(`every id of setresuid and of setregid is looked at on ${arch}`, () => {
      for (const wrong of [0, 1, 2]) {
        const ids = [0n, 7n, NO_ID].map((id, i) => (i === wrong ? 33n : id));
        expect(answer(wide("setresuid"), ids)).toBe(DONE);
      }
      expect(answer(wide("setresuid"), [0n, 7n, NO_ID])).toBe(ALLOW);
      expect(answer(wide("setregid"), [0n, 7n])).toBe(DONE);
      expect(answer(wide("setregid"), [0n, 0n])).toBe(ALLOW);
    });

    test(`the calls with one id are answered, and setgroups always, on ${arch}`, () => {
      for (const name of ["setuid", "setgid", "setfsuid", "setfsgid"]) {
        expect([answer(wide(name), [0n]), answer(wide(name), [65534n])]).toEqual([ALLOW, DONE]);
      }
      expect([answer(wide("setgroups"), [0n, 0n]), answer(wide("setgroups"), [1n, 1n])]).toEqual([DONE, DONE]);
    });

    if (has32) {
      test(`the old calls of ${arch} are judged by 16 bits`, () => {
        expect(answer("chown", [0n, 0xffffn, 0xffffn])).toBe(ALLOW);
        expect(answer("chown", [0n, 0x10000n, 0x20007n & 0x10000n])).toBe(ALLOW);
        expect(answer("chown", [0n, 0xfffen, 0n])).toBe(DONE);
        expect(answer("lchown", [0n, 0n, 7n])).toBe(DONE);
        expect(answer("setresgid", [0n, 0xffffn, 5n])).toBe(DONE);
        expect(answer("setgroups", [0n, 0n])).toBe(DONE);
      });
    }
  }

  test("without it these calls are the kernel's", () => {
    const answer = answering(options("x86_64"));
    expect([answer("chown", [0n, 5n, 5n]), answer("setuid", [5n]), answer("setgroups", [1n])]).toEqual([
      ALLOW,
      ALLOW,
      ALLOW,
    ]);
  });
});

describe("the size of the program", () => {
  test("is some hundreds of instructions, and a lookup is short", () => {
    const program = compilePolicy(defaultPolicy(options("x86_64")));
    expect(program.length / 8).toBeLessThan(400);
    const run = interpreter(program);
    const table = syscallTable("x86_64");
    const steps = [...table.values()].map((nr) => run({ arch: AUDIT_ARCH.x86_64, nr }).steps);
    expect(Math.max(...steps)).toBeLessThan(48);
    for (const name of ["read", "openat", "futex"]) {
      expect(run({ arch: AUDIT_ARCH.x86_64, nr: table.get(name) ?? -1 }).steps).toBeLessThan(16);
    }
  });
});
