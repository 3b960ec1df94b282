// The ways into the kernel that one machine has. Each has its own syscall numbers, so a filter that knows one of them only
// is open at the others: int 0x80 from a 64-bit program reaches the i386 table, and bit 30 of the number the x32 one.

export type SyscallArch = "x86_64" | "x32" | "i386" | "aarch64" | "arm";
export type NativeArch = "x86_64" | "aarch64";

/** seccomp_data.arch, linux/audit.h. x32 shows itself by X32_SYSCALL_BIT only. */
export const AUDIT_ARCH: Readonly<Record<SyscallArch, number>> = {
  x86_64: 0xc000003e,
  x32: 0xc000003e,
  i386: 0x40000003,
  aarch64: 0xc00000b7,
  arm: 0x40000028,
};

/** __X32_SYSCALL_BIT, asm/unistd.h. */
export const X32_SYSCALL_BIT = 0x40000000;

/** The tables a machine of this kind serves, its own first. */
export const ENTRIES: Readonly<Record<NativeArch, readonly SyscallArch[]>> = {
  x86_64: ["x86_64", "x32", "i386"],
  aarch64: ["aarch64", "arm"],
};

/**
 * How much of a register the kernel takes as an argument. A 64-bit program can enter by int 0x80 with all 64 bits set:
 * seccomp_data shows them, the i386 entry then cuts them off (arch/x86/entry, do_int80_syscall_32).
 */
export const ARGUMENT_BITS: Readonly<Record<SyscallArch, 32 | 64>> = {
  x86_64: 64,
  x32: 64,
  i386: 32,
  aarch64: 64,
  arm: 32,
};
