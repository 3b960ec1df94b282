// Memory at an address of our own choosing: what lies there can be laid out before the program runs.
import { memoryAt, rawSyscall } from "./libc.ts";

const PROT_READ_WRITE = 3;
/** MAP_PRIVATE, MAP_ANONYMOUS and MAP_FIXED_NOREPLACE (4.17), mmap(2). */
const PRIVATE_ANONYMOUS_AT = 0x100022;

/** `size` zero bytes at `at`, or `undefined` where something else has that place. */
export function mapAt(at: number, size: number): Uint8Array | undefined {
  const got = rawSyscall("mmap", at, size, PROT_READ_WRITE, PRIVATE_ANONYMOUS_AT, -1, 0);
  return got === at ? memoryAt(at, size) : undefined;
}
