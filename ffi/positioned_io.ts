// Reading and writing at an offset, section 2 of the man pages: the file's own position, which others may share, stays.
import { ERRNO } from "./errno.ts";
import { rawSyscall, syscall } from "./libc.ts";
import { SyscallError } from "./syscall_error.ts";

/** pread(2), again after EINTR; 0 at end of file. */
export function pread(fd: number, object: string, into: Uint8Array, offset: number): number {
  for (;;) {
    const got = rawSyscall("pread64", fd, into, into.length, offset);
    if (got >= 0) return got;
    if (got !== -ERRNO.EINTR) throw new SyscallError("pread64", object, -got);
  }
}

/** pwrite(2) of all of `bytes`, again after EINTR and short writes. */
export function pwriteAll(fd: number, object: string, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; ) {
    const rest = bytes.subarray(done);
    const put = rawSyscall("pwrite64", fd, rest, rest.length, offset + done);
    if (put < 0 && put !== -ERRNO.EINTR) throw new SyscallError("pwrite64", object, -put);
    if (put > 0) done += put;
  }
}

export function ftruncate(fd: number, object: string, size: number): void {
  syscall("ftruncate", object, fd, size);
}
