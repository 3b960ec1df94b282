// A file in memory, memfd_create(2): a message of any length to a program that inherits its descriptor.
import { cstring } from "./cstring.ts";
import { Fd } from "./fd.ts";
import { readAll, writeAll } from "./file.ts";
import { rawSyscall, syscall } from "./libc.ts";

const MFD_CLOEXEC = 1;
const SEEK_SET = 0;

export function memoryFile(name: string, bytes: Uint8Array): Fd {
  const file = new Fd(syscall("memfd_create", name, cstring(name), MFD_CLOEXEC));
  writeAll(file.number, name, bytes);
  return file;
}

/** Its whole content, wherever it was read or written last. */
export function contentOf(file: Fd, name: string, limit: number): Uint8Array {
  rawSyscall("lseek", file.number, 0, SEEK_SET);
  return readAll(file.number, name, limit);
}
