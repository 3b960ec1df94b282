// The files that an image on disk is kept in, by name: those of a folder or the members of an archive. What is in them is
// hostile, and so are the names in documents that lead to them.
import { OciError, quoted } from "./oci_error.ts";

export interface ImageFiles {
  /** For messages. */
  readonly name: string;
  /** Bytes of the regular file at `path`, relative and without `..`; `undefined` when there is nothing. */
  size(path: string): number | undefined;
  /** The file's bytes from `from` on. */
  read(path: string, from: number): AsyncIterable<Uint8Array>;
  close(): void;
}

export const READ_CHUNK = 1 << 18;

/** A whole file of at most `limit` bytes. Throws {@link OciError} when it is not there. */
export async function readDocument(files: ImageFiles, path: string, limit: number): Promise<Uint8Array> {
  const size = files.size(path);
  if (size === undefined) throw new OciError("absent", files.name, `there is no ${quoted(path)} in it`);
  if (size > limit)
    throw new OciError("document", files.name, `${quoted(path)} has ${size} bytes, more than the ${limit} allowed`);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of files.read(path, 0)) {
    length += part.length;
    if (length > limit) throw new OciError("document", files.name, `${quoted(path)} grows while it is read`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
