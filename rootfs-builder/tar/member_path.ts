// An entry's name as the components below the root. Names are bytes, held here as text of one character a byte
// (latin-1), so that they can be compared, joined and kept in maps without a loss.
import { TarError } from "./tar_error.ts";

/** PATH_MAX of limits.h without its NUL: the longest that a system call takes. */
export const LONGEST_PATH = 4095;
const CHUNK = 4096;

/**
 * Components of `name`; none for the root itself. A leading slash is dropped, so an absolute name stays below the root
 * as with GNU tar; `..` is refused, since nothing that is packed in good faith has it.
 */
export function memberPath(name: Uint8Array, offset: number, longest: number = LONGEST_PATH): readonly string[] {
  const shown = (): string => new TextDecoder().decode(name.subarray(0, LONGEST_PATH));
  if (name.length > longest) throw new TarError(`the name is longer than ${longest} bytes`, offset, shown());
  const components = pathText(name)
    .split("/")
    .filter((component) => component !== "" && component !== ".");
  if (components.includes("..")) throw new TarError("a name with '..' in it is refused", offset, shown());
  return components;
}

/** Bytes → text of one character a byte. */
export function pathText(bytes: Uint8Array): string {
  if (bytes.length <= CHUNK) return String.fromCharCode(...bytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** The inverse of {@link pathText}. */
export function pathBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
