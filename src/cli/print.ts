// Text on standard output for a reader who may leave early: `sandbox help run | head -1` is no failure of anybody's.
import { ERRNO } from "../../ffi/errno.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { toStdout } from "./say.ts";

/** Writes `text`; quietly stops when the pipe has no reader (EPIPE, write(2)). Throws SyscallError on any other failure. */
export function print(text: string): void {
  try {
    toStdout(text);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== ERRNO.EPIPE) throw error;
  }
}
