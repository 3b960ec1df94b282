// Extended attributes, xattr(7).
import { cstring } from "./cstring.ts";
import { ERRNO } from "./errno.ts";
import { rawSyscall, syscall } from "./libc.ts";
import { SyscallError } from "./syscall_error.ts";

const LARGEST = 4096;

/** getxattr(2), following links; `undefined` when the attribute is absent or cannot be read. */
export function getxattr(path: string, name: string): Uint8Array | undefined {
  const value = new Uint8Array(LARGEST);
  const length = rawSyscall("getxattr", cstring(path), cstring(name), value, value.length);
  return length < 0 ? undefined : value.subarray(0, length);
}

/** fsetxattr(2): 0, or the negated errno, for what a failure means is the caller's to say. */
export function setxattr(fd: number, name: string, value: Uint8Array): number {
  return rawSyscall("fsetxattr", fd, cstring(name), value, value.length, 0);
}

/** flistxattr(2): names that the caller may see; none where the file system has no attributes. */
export function listxattr(fd: number, object: string): readonly string[] {
  for (let size = LARGEST; ; size *= 4) {
    const names = new Uint8Array(size);
    const length = rawSyscall("flistxattr", fd, names, size);
    if (length === -ERRNO.EOPNOTSUPP) return [];
    if (length >= 0) return decoder.decode(names.subarray(0, length)).split("\0").slice(0, -1);
    if (length !== -ERRNO.ERANGE || size > XATTR_LIST_MAX) throw new SyscallError("flistxattr", object, -length);
  }
}

/** Is there an attribute of that name on an open file? */
export function hasXattr(fd: number, name: string): boolean {
  return rawSyscall("fgetxattr", fd, cstring(name), 0, 0) >= 0;
}

/** fgetxattr(2) of an attribute that is there. */
export function fgetxattr(fd: number, object: string, name: string): Uint8Array {
  const value = new Uint8Array(XATTR_SIZE_MAX);
  const length = syscall("fgetxattr", `${name} of ${object}`, fd, cstring(name), value, value.length);
  return value.slice(0, length);
}

const XATTR_SIZE_MAX = 65536;
const XATTR_LIST_MAX = 65536;
const decoder = new TextDecoder();
