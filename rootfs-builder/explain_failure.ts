// What went wrong below, as the error that users see.
import { ERRNO } from "../ffi/errno.ts";
import { SyscallError } from "../ffi/syscall_error.ts";
import { OciError } from "./oci/oci_error.ts";
import { RootfsError } from "./rootfs_error.ts";
import { TarError } from "./tar/tar_error.ts";

/** `error` as a {@link RootfsError}; errors that are no known failure are returned as they are, for they are faults of ours. */
export function explainFailure(error: unknown, step: string, object: string, store: string): unknown {
  if (error instanceof TarError)
    return new RootfsError(step, object, error.message, "The archive is damaged or of a kind that is not supported");
  if (error instanceof OciError) return new RootfsError(step, object, error.message, error.hint);
  if (!(error instanceof SyscallError)) return error;
  return new RootfsError(step, object, causeOf(error), hintFor(error.errno, store));
}

/** Errnos that are no program's fault, in the words of whoever has to mend them. */
const WORDS: Readonly<Record<number, string>> = {
  [ERRNO.ENOSPC]: "there is no space left on the disk",
  [ERRNO.EDQUOT]: "your quota on that disk is used up",
  [ERRNO.EROFS]: "the file system is mounted read-only",
  [ERRNO.EACCES]: "permission is denied",
  [ERRNO.EPERM]: "this is not permitted",
  [ERRNO.EMFILE]: "too many files are open in this process",
  [ERRNO.EIO]: "the disk does not answer as it should",
};

function causeOf(error: SyscallError): string {
  const words = WORDS[error.errno];
  return words === undefined ? error.message : `${words} (${error.message})`;
}

function hintFor(errno: number, store: string): string {
  switch (errno) {
    case ERRNO.ENOSPC:
    case ERRNO.EDQUOT:
      return `Free some space where ${store} is, or set XDG_DATA_HOME to a folder with more of it`;
    case ERRNO.ENOENT:
    case ERRNO.EACCES:
    case ERRNO.EPERM:
    case ERRNO.EROFS:
      return `The store is ${store}: it must be yours and writable. XDG_DATA_HOME=FOLDER sets another`;
    case ERRNO.ENOLCK:
    case ERRNO.EOPNOTSUPP:
      return `${store} is on a file system that lacks what is needed; XDG_DATA_HOME=FOLDER sets another`;
    default:
      return "";
  }
}
