// Where `save` and `export` write: a file that has its name only when it is whole, or standard output.
import type { Fd } from "../../ffi/fd.ts";
import { AT_FDCWD, O_CREAT, O_TRUNC, O_WRONLY, open, rename, S_IFMT, S_IFREG, stat, unlinkat } from "../../ffi/file.ts";
import { requestFault } from "../base/fault.ts";
import type { HostLookups } from "../spec/host_lookups.ts";

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
    return await work(1);
  }
  const absolute = path.startsWith("/") ? path : `${cwd}/${path}`;
  const there = stat(absolute);
  // A pipe or a device is written to as it is.
  if (there && (there.mode & S_IFMT) !== S_IFREG) return await written(absolute, work);
  const partial = `${absolute}.partial-${process.pid}`;
  try {
    const result = await written(partial, work);
    rename(AT_FDCWD, partial, AT_FDCWD, absolute);
    return result;
  } catch (error) {
    if (stat(partial, false)) unlinkat(AT_FDCWD, partial);
    throw error;
  }
}

async function written<T>(path: string, work: (fd: number) => Promise<T>): Promise<T> {
  using file: Fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644);
  return await work(file.number);
}
