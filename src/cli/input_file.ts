// A file that is read more than once, and from any place in it; standard input (`-`) is written to a scratch file first.
import type { Fd } from "../../ffi/fd.ts";
import { O_RDONLY, open, read, writeAll } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { fileFault } from "./file_fault.ts";
import type { Scratches } from "./scratches.ts";

const CHUNK = 1 << 18;

export type InputFile = Disposable & { readonly path: string; readonly fd: number };

export function inputFile(text: string, cwd: string, scratches: Scratches): InputFile {
  if (text === "-") return fromStdin(scratches);
  const path = text.startsWith("/") ? text : `${cwd}/${text}`;
  const file = opened(path);
  return { path, fd: file.number, [Symbol.dispose]: () => file.close() };
}

function opened(path: string): Fd {
  try {
    return open(path, O_RDONLY);
  } catch (error) {
    throw error instanceof SyscallError ? fileFault("read", path, error) : error;
  }
}

function fromStdin(scratches: Scratches): InputFile {
  const fd = scratches.add();
  const buffer = new Uint8Array(CHUNK);
  for (let length = read(0, "standard input", buffer); length > 0; length = read(0, "standard input", buffer))
    writeAll(fd, "the copy of standard input", buffer.subarray(0, length));
  // A file without a name can be opened anew by its descriptor's (proc(5)).
  return { path: `/proc/self/fd/${fd}`, fd, [Symbol.dispose]: () => {} };
}
