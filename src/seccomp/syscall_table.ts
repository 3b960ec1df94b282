// The number of each system call by name, as seccomp_data.nr shows it on one architecture.
import type { SyscallArch } from "./arch.ts";
import { X32_SYSCALL_BIT } from "./arch.ts";
import { AARCH64, ARM, COMMON, I386, X32_MISSING, X32_ONLY, X86_64 } from "./syscall_numbers.ts";

/** The newest call of Linux 6.17, file_setattr: numbers above it are of kernels this table does not know. */
export const NEWEST_KNOWN = 469;

/** Name → number; on x32 with X32_SYSCALL_BIT set. Builds a new map at each call. */
export function syscallTable(arch: SyscallArch): Map<string, number> {
  switch (arch) {
    case "x86_64":
      return decode(X86_64, COMMON);
    case "x32":
      return x32Table();
    case "i386":
      return decode(I386, COMMON);
    case "aarch64":
      return decode(AARCH64, COMMON);
    case "arm":
      return decode(ARM, COMMON);
    default:
      return arch satisfies never;
  }
}

/** NEWEST_KNOWN as seccomp_data.nr shows it. */
export function newestKnown(arch: SyscallArch): number {
  return arch === "x32" ? X32_SYSCALL_BIT + NEWEST_KNOWN : NEWEST_KNOWN;
}

function x32Table(): Map<string, number> {
  const table = decode(X86_64, COMMON, X32_ONLY);
  for (const name of words(X32_MISSING)) table.delete(name);
  for (const [name, number] of table) table.set(name, number + X32_SYSCALL_BIT);
  return table;
}

function decode(...texts: readonly string[]): Map<string, number> {
  const table = new Map<string, number>();
  for (const text of texts) addTo(table, text);
  return table;
}

function addTo(table: Map<string, number>, text: string): void {
  let next = 0;
  for (const word of words(text)) {
    const number = Number(word);
    if (Number.isInteger(number)) next = number;
    else table.set(word, next++);
  }
}

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
