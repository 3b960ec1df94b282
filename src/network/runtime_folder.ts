// Where live networks have their sockets: $XDG_RUNTIME_DIR/sandbox/networks (XDG Base Directory Specification), which is the user's alone and
// goes with the last session; where there is none, a folder of /tmp that is checked to be the user's alone.
import { ERRNO } from "../../ffi/errno.ts";
import { AT_FDCWD, mkdirat, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, open, S_IFDIR, S_IFMT, stat } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { NetworkError } from "./network_error.ts";

export type RuntimeLookups = { readonly uid: number; readonly env: Readonly<Record<string, string | undefined>> };

/** Of everything that this program keeps while it runs. */
export function runtimePath({ uid, env }: RuntimeLookups): string {
  return env.XDG_RUNTIME_DIR?.startsWith("/") ? `${env.XDG_RUNTIME_DIR}/sandbox` : `/tmp/sandbox-${uid}`;
}

/** The folder of the network `name`, which may not be there. */
export function networkRuntimePath(name: string, lookups: RuntimeLookups): string {
  return `${runtimePath(lookups)}/networks/${name}`;
}

/** Makes it, and what is above it. Throws NetworkError where it is not safe, or cannot be made. */
export function makeRuntimeFolder(name: string, lookups: RuntimeLookups): string {
  const base = runtimePath(lookups);
  const path = networkRuntimePath(name, lookups);
  try {
    for (const folder of [base, `${base}/networks`, path]) makePrivate(folder, lookups.uid);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new NetworkError(
      `its folder ${path} cannot be made: ${error.message}`,
      "name one that is yours: XDG_RUNTIME_DIR=/path/to/folder",
    );
  }
  return path;
}

function makePrivate(folder: string, uid: number): void {
  try {
    mkdirat(AT_FDCWD, folder, 0o700);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== ERRNO.EEXIST) throw error;
  }
  using fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  const found = stat("", true, fd.number);
  const isOurs = found && (found.mode & S_IFMT) === S_IFDIR && found.uid === uid && (found.mode & 0o077) === 0;
  if (isOurs) return;
  throw new NetworkError(
    `${folder} is not yours alone: others may write to it, or own it`,
    `take it away, or name another place: XDG_RUNTIME_DIR=/path/to/folder`,
  );
}
