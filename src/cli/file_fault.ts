// A file that the user has named and the kernel refuses, in words: the store has nothing to do with it.
import { ERRNO } from "../../ffi/errno.ts";
import type { SyscallError } from "../../ffi/syscall_error.ts";
import { type FaultError, requestFault } from "../base/fault.ts";

const WORDS: Readonly<Record<number, string>> = {
  [ERRNO.ENOENT]: "there is no such file or folder",
  [ERRNO.EACCES]: "permission is denied",
  [ERRNO.EROFS]: "the file system is mounted read-only",
  [ERRNO.ENOSPC]: "there is no space left on the disk",
  [ERRNO.EDQUOT]: "your quota on that disk is used up",
  [ERRNO.EPIPE]: "whoever reads it has gone",
};

/** `verb`: "read", "write". */
export function fileFault(verb: string, path: string, { errno, message }: SyscallError): FaultError {
  const words = WORDS[errno];
  return requestFault(`Cannot ${verb} ${path}`, words === undefined ? message : `${words} (${message})`);
}
