// Extended attributes in pax records. star's form is the name and the bare value, `SCHILY.xattr.NAME=VALUE`; libarchive's is
// a URL-encoded name and a value in base64, and bsdtar writes both (archive_write_set_format_pax.c).
import type { PaxRecords } from "./pax.ts";
import { TarError } from "./tar_error.ts";

export type Xattrs = ReadonlyMap<string, Uint8Array>;

const SCHILY = "SCHILY.xattr.";
const LIBARCHIVE = "LIBARCHIVE.xattr.";
export const NO_XATTRS: Xattrs = new Map();

/** Name → value. Throws {@link TarError} when both forms of one attribute are there and differ: readers would disagree. */
export function paxXattrs(pax: PaxRecords, offset: number): Xattrs {
  let found: Map<string, Uint8Array> | undefined;
  for (const [keyword, value] of pax) {
    if (!keyword.startsWith(SCHILY) && !keyword.startsWith(LIBARCHIVE)) continue;
    const [name, bytes] = keyword.startsWith(SCHILY)
      ? ([keyword.slice(SCHILY.length), value] as const)
      : ([decodeName(keyword.slice(LIBARCHIVE.length), offset), decodeBase64(value, offset)] as const);
    if (name === "" || name.includes("\0")) throw new TarError("an extended attribute's name is empty", offset);
    const other = found?.get(name);
    if (other && Buffer.compare(other, bytes) !== 0)
      throw new TarError(`the extended attribute ${name} has two values`, offset);
    found = (found ?? new Map<string, Uint8Array>()).set(name, bytes);
  }
  return found ?? NO_XATTRS;
}

function decodeName(text: string, offset: number): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new TarError("an extended attribute's name is no URL-encoded UTF-8", offset);
  }
}

/** With or without padding: libarchive writes none. */
function decodeBase64(value: Uint8Array, offset: number): Uint8Array {
  try {
    return Uint8Array.fromBase64(new TextDecoder("latin1").decode(value), { lastChunkHandling: "loose" });
  } catch {
    throw new TarError("an extended attribute's value is no base64", offset);
  }
}
