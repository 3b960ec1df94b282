// ppoll(2) over a handful of descriptors.
import { ERRNO } from "./errno.ts";
import { rawSyscall } from "./libc.ts";
import { SyscallError } from "./syscall_error.ts";

export const POLLIN = 1;
export const POLLPRI = 2;
export const POLLOUT = 4;
export const POLLHUP = 16;

export type Interest = { readonly fd: number; readonly events: number };

/** Waits until one is ready, for `milliseconds` at most; the events of each, in order. All zero when the time is over, or a signal came instead. */
export function poll(interests: readonly Interest[], milliseconds = Number.POSITIVE_INFINITY): readonly number[] {
  const list = new Int32Array(interests.length * 2);
  interests.forEach(({ fd, events }, i) => {
    list[i * 2] = fd;
    list[i * 2 + 1] = events;
  });
  const result = rawSyscall("ppoll", list, interests.length, timespec(milliseconds), 0, 8);
  if (result < 0 && result !== -ERRNO.EINTR) throw new SyscallError("ppoll", "descriptors", -result);
  return interests.map((_, i) => (result < 0 ? 0 : (list[i * 2 + 1] ?? 0) >>> 16));
}

/** None for an endless wait. */
function timespec(milliseconds: number): number | BigInt64Array {
  if (milliseconds === Number.POSITIVE_INFINITY) return 0;
  const nanoseconds = BigInt(Math.max(0, Math.ceil(milliseconds * 1e6)));
  return BigInt64Array.of(nanoseconds / 1_000_000_000n, nanoseconds % 1_000_000_000n);
}
