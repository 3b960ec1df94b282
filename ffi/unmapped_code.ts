// A runtime that has started has touched most of its code, and needs little of it again. Pages of a file that were not written to can
// be let go: what is needed comes back from the page cache by a fault (madvise(2), MADV_DONTNEED).
import { readlink, readText } from "./file.ts";
import { rawSyscall } from "./libc.ts";

const MADV_DONTNEED = 4;
const MOST_MAPS = 1 << 20;
/**
 * proc_pid_maps(5): range, rights, offset, device, inode, path. Code, and the first segment of the file: constants. What else is not
 * writable has been until it was relocated.
 */
const CODE = /^([0-9a-f]+)-([0-9a-f]+) (?:r-xp \S+|r--p 0+) \S+ \S+ +(\/.*)$/gm;

/** Gives back the memory of this program's code; without /proc there is nothing to be had. */
export function unmapCode(): void {
  const own = readlink("/proc/self/exe");
  for (const [, from = "", to = "", path] of (readText("/proc/self/maps", MOST_MAPS) ?? "").matchAll(CODE)) {
    const start = Number.parseInt(from, 16);
    if (path === own) rawSyscall("madvise", start, Number.parseInt(to, 16) - start, MADV_DONTNEED);
  }
}
