// The one error of this room towards its caller: what was being done, on what, why it failed, and the mend.

export class RootfsError extends Error {
  readonly kind = "rootfs";
  /** A verb phrase: "download", "unpack". */
  readonly step: string;
  /** What it was done on: `alpine:3.22.6`, a path. */
  readonly object: string;
  override readonly cause: string;
  /** What to do about it; empty where there is no mend. */
  readonly hint: string;

  constructor(step: string, object: string, cause: string, hint = "") {
    super(`Cannot ${step} ${object}: ${cause}`);
    this.step = step;
    this.object = object;
    this.cause = cause;
    this.hint = hint;
  }
}
