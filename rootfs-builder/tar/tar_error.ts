// The one error for bytes that are no archive we accept: where it happened, in which entry, and what is wrong.

export class TarError extends Error {
  readonly kind = "tar";
  /** What is wrong with the archive. */
  readonly reason: string;
  /** Bytes from the archive's start, after decompression. */
  readonly offset: number;
  /** Name of the entry, where one had been read. */
  readonly entry: string | undefined;

  constructor(reason: string, offset: number, entry?: string) {
    super(`${entry === undefined ? "" : `${JSON.stringify(entry)}: `}${reason} (at byte ${offset} of the archive)`);
    this.reason = reason;
    this.offset = offset;
    this.entry = entry;
  }
}
