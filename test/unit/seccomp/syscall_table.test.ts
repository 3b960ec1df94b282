import { describe, expect, test } from "bun:test";
import { type SyscallArch, X32_SYSCALL_BIT } from "../../../src/seccomp/arch.ts";
import { NEWEST_KNOWN, newestKnown, syscallTable } from "../../../src/seccomp/syscall_table.ts";

const ARCHES: readonly SyscallArch[] = ["x86_64", "x32", "i386", "aarch64", "arm"];

/** From asm/unistd_64.h, unistd_x32.h, unistd_32.h, asm-generic/unistd.h, arm's unistd-eabi.h: the ends of every run of numbers. */
const LANDMARKS: Readonly<Record<SyscallArch, Readonly<Record<string, number>>>> = {
  x86_64: {
    read: 0,
    openat: 257,
    futex: 202,
    accept4: 288,
    seccomp: 317,
    rseq: 334,
    uretprobe: 335,
    pidfd_send_signal: 424,
  },
  x32: {
    read: 0,
    openat: 257,
    io_pgetevents: 333,
    rt_sigaction: 512,
    ioctl: 514,
    execveat: 545,
    pwritev2: 547,
    clone3: 435,
  },
  i386: {
    restart_syscall: 0,
    fcntl64: 221,
    gettid: 224,
    fadvise64: 250,
    exit_group: 252,
    waitid: 284,
    add_key: 286,
    socket: 359,
    arch_prctl: 384,
    rseq: 386,
    semget: 393,
    ppoll_time64: 414,
    io_pgetevents_time64: 416,
    sched_rr_get_interval_time64: 423,
    openat2: 437,
  },
  aarch64: {
    io_setup: 0,
    read: 63,
    recvmmsg: 243,
    wait4: 260,
    rseq: 293,
    kexec_file_load: 294,
    pidfd_send_signal: 424,
  },
  arm: {
    restart_syscall: 0,
    creat: 8,
    mmap2: 192,
    fcntl64: 221,
    gettid: 224,
    set_tid_address: 256,
    arm_fadvise64_64: 270,
    sync_file_range2: 341,
    tee: 342,
    io_pgetevents: 399,
    kexec_file_load: 401,
    clock_gettime64: 403,
    futex_time64: 422,
    breakpoint: 0xf0001,
    set_tls: 0xf0005,
    clone3: 435,
  },
};

describe("syscallTable", () => {
  for (const arch of ARCHES) {
    const bit = arch === "x32" ? X32_SYSCALL_BIT : 0;

    test(`has the numbers of ${arch}`, () => {
      const table = syscallTable(arch);
      const found = Object.keys(LANDMARKS[arch]).map((name) => [name, (table.get(name) ?? -1) - bit]);
      expect(Object.fromEntries(found)).toEqual(LANDMARKS[arch]);
    });

    test(`ends on ${arch} with the calls of Linux 6.17`, () => {
      const table = syscallTable(arch);
      const newest = ["cachestat", "statmount", "mseal", "removexattrat", "open_tree_attr", "file_setattr"];
      expect(newest.map((name) => (table.get(name) ?? -1) - bit)).toEqual([451, 457, 462, 466, 467, NEWEST_KNOWN]);
      expect(newestKnown(arch)).toBe(NEWEST_KNOWN + bit);
    });

    test(`gives no two calls of ${arch} one number, but for arm's two names of sync_file_range2`, () => {
      const table = syscallTable(arch);
      const spare = table.size - new Set(table.values()).size;
      expect(spare).toBe(arch === "arm" ? 1 : 0);
    });
  }

  test("x32 lacks the calls that are for 64-bit programs only", () => {
    const x32 = syscallTable("x32");
    const missing = [...syscallTable("x86_64").keys()].filter((name) => !x32.has(name));
    expect(missing).toHaveLength(14);
    expect(missing).toContain("uselib");
    expect(missing).toContain("epoll_wait_old");
  });

  test("x32 has every number with its bit, and nowhere the old number of a call it has moved", () => {
    const x32 = syscallTable("x32");
    expect([...x32.values()].every((number) => number >= X32_SYSCALL_BIT)).toBe(true);
    expect([...x32.values()]).not.toContain(X32_SYSCALL_BIT + 16);
  });
});
