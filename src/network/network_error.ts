// Why a network cannot do what it is asked for, to be told to whoever has asked: often another process.
import { ERRNO } from "../../ffi/errno.ts";

export class NetworkError extends Error {
  /** The cause, for people. */
  readonly reason: string;
  readonly hint: string;
  /** For who can be told no more. */
  readonly errno: number;

  constructor(reason: string, hint = "", errno: number = ERRNO.EIO) {
    super(reason);
    this.reason = reason;
    this.hint = hint;
    this.errno = errno;
  }
}
