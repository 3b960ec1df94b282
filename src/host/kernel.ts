// Kernel and architecture, uname(2).
import { syscall } from "../../ffi/libc.ts";

export type Kernel = {
  /** As uname(2) gives it, e.g. `6.8.0-45-generic`. */
  readonly release: string;
  readonly machine: string;
  readonly major: number;
  readonly minor: number;
};

/** mount_setattr(2) came with 5.12; without it a bind mount cannot be made read-only as a whole tree. */
export const MINIMUM_KERNEL = { major: 5, minor: 12 } as const;
export const MACHINES: readonly string[] = ["x86_64", "aarch64"];

const FIELD_BYTES = 65;

export function readKernel(): Kernel {
  const utsname = new Uint8Array(6 * FIELD_BYTES);
  syscall("uname", "utsname", utsname);
  const field = (index: number): string => {
    const bytes = utsname.subarray(index * FIELD_BYTES, (index + 1) * FIELD_BYTES);
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
  };
  return parseKernel(field(2), field(4));
}

/** A release without a leading `MAJOR.MINOR` counts as 0.0. */
export function parseKernel(release: string, machine: string): Kernel {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  return { release, machine, major: Number(major ?? 0), minor: Number(minor ?? 0) };
}

export function atLeast(kernel: Kernel, { major, minor }: { readonly major: number; readonly minor: number }): boolean {
  return kernel.major > major || (kernel.major === major && kernel.minor >= minor);
}
