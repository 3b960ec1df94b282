// ppoll(2) over a handful of descriptors.
import { ERRNO } from "./errno.ts";
import { rawSyscall } from "./libc.ts";
import { SyscallError } from "./syscall_error.ts";

export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLHUP = 16;

export type Interest = { readonly fd: number; readonly events: number };

/** Waits until one is ready; the events of each, in order. Returns all zero when a signal came instead. */
export function poll(interests: readonly Interest[]): readonly number[] {
  const list = new Int32Array(interests.length * 2);
  interests.forEach(({ fd, events }, i) => {
    list[i * 2] = fd;
    list[i * 2 + 1] = events;
  });
  const result = rawSyscall("ppoll", list, interests.length, 0, 0, 8);
  if (result < 0 && result !== -ERRNO.EINTR) throw new SyscallError("ppoll", "descriptors", -result);
  return interests.map((_, i) => (result < 0 ? 0 : (list[i * 2 + 1] ?? 0) >>> 16));
}
