// The error of a failed system call: which call, on what, and the kernel's reason by name.
import { errnoName } from "./errno.ts";

export class SyscallError extends Error {
  readonly kind = "syscall";
  readonly call: string;
  readonly object: string;
  readonly errno: number;

  constructor(call: string, object: string, errno: number) {
    super(`${call} ${object}: ${errnoName(errno)}`);
    this.call = call;
    this.object = object;
    this.errno = errno;
  }
}
