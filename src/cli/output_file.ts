// Where `save` and `export` write: a file that has its name only when it is whole, or standard output.
import type { Fd } from "../../ffi/fd.ts";
import { AT_FDCWD, O_CREAT, O_TRUNC, O_WRONLY, open, rename, S_IFMT, S_IFREG, stat, unlinkat } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { requestFault } from "../base/fault.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import { fileFault } from "./file_fault.ts";

type Place = Pick<HostLookups, "cwd" | "isTerminal">;

/** `path` as of --output; `work` gets the open file. Throws what `work` throws, and then there is no file. */
export async function toOutput<T>(
  path: string | undefined,
  { cwd, isTerminal }: Place,
  work: (fd: number) => Promise<T>,
): Promise<T> {
  if (path === undefined || path === "-") {
    if (isTerminal(1))
      throw requestFault("Cannot write to a terminal", "the archive is not for reading", "name a file: -o FILE");
    return await telling("standard output", () => work(1));
  }
  const absolute = path.startsWith("/") ? path : `${cwd}/${path}`;
  const there = stat(absolute);
  // A pipe or a device is written to as it is.
  if (there && (there.mode & S_IFMT) !== S_IFREG) return await telling(path, () => written(absolute, work));
  const partial = `${absolute}.partial-${process.pid}`;
  try {
    return await telling(path, async () => {
      const result = await written(partial, work);
      rename(AT_FDCWD, partial, AT_FDCWD, absolute);
      return result;
    });
  } catch (error) {
    if (stat(partial, false)) unlinkat(AT_FDCWD, partial);
    throw error;
  }
}

/** Writing goes to the output alone; what is read fails under its own name. */
async function telling<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isOurs = error instanceof SyscallError && (error.call === "write" || error.object.includes(".partial-"));
    throw isOurs ? fileFault("write", path, error) : error;
  }
}

async function written<T>(path: string, work: (fd: number) => Promise<T>): Promise<T> {
  using file: Fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644);
  return await work(file.number);
}
