// A tree as a pax archive, for export and commit. Pure: entries in, bytes out. The same entries give the same bytes: a
// ustar header where all fits into one, pax records (sorted by keyword) only for what does not, and no time of day, no
// process id, no name of this program anywhere.
//
// References: POSIX.1-2017 pax(1); SCHILY.xattr.* as star, GNU tar and libarchive write it.
import { BLOCK } from "./header.ts";
import { encodeHeader, fitsName, type HeaderFields, LARGEST } from "./header_encode.ts";
import { encodePax, encodePaxTime } from "./pax_encode.ts";
import type { Xattrs } from "./pax_xattrs.ts";

export type WriterNode =
  /** `content` must give exactly `size` bytes. */
  | { readonly type: "file"; readonly size: number; readonly content: AsyncIterable<Uint8Array> | Iterable<Uint8Array> }
  | { readonly type: "directory" | "fifo" }
  | { readonly type: "symlink" | "hardlink"; readonly linkname: Uint8Array }
  | { readonly type: "character" | "block"; readonly major: number; readonly minor: number };

export type WriterEntry = WriterNode & {
  /** Relative, without `.` and `..`; of a folder without the final slash, which the archive has. Empty for the root. */
  readonly name: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since 1970. */
  readonly mtime: bigint;
  readonly xattrs: Xattrs;
};

/** Times in nanoseconds since 1970: `fix` gives all entries this one, `clamp` those that are later. */
export type WriterTimes = { readonly kind: "keep" } | { readonly kind: "fix" | "clamp"; readonly time: bigint };

export type WriterOptions = { readonly mtime?: WriterTimes | undefined };

const SECOND = 1_000_000_000n;
const KEEP: WriterTimes = { kind: "keep" };
const TYPEFLAGS: Readonly<Record<WriterNode["type"], string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};
const SLASH = 0x2f;
const DOT = 0x2e;
const PAX_NAME = new TextEncoder().encode("PaxHeader");
const EMPTY = new Uint8Array();

/** The archive of `entries`, in their order. Throws RangeError for an entry that no archive can hold. */
export async function* writeTar(
  entries: AsyncIterable<WriterEntry> | Iterable<WriterEntry>,
  { mtime = KEEP }: WriterOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  for await (const entry of entries) {
    yield encodeEntry(entry, timeOf(entry.mtime, mtime));
    if (entry.type === "file") yield* contentOf(entry);
  }
  yield new Uint8Array(2 * BLOCK);
}

/** All blocks before the content. */
export function encodeEntry(entry: WriterEntry, mtime: bigint): Uint8Array {
  const fields = fieldsOf(entry, mtime);
  const records = recordsOf(entry, fields, mtime);
  if (records.size === 0) return encodeHeader(fields);
  const body = encodePax(records);
  const extension: HeaderFields = {
    ...EXTENSION,
    name: PAX_NAME,
    size: body.length,
    mtime: clampedSeconds(mtime),
  };
  return joined([encodeHeader(extension), padded(body), encodeHeader(shortened(fields))]);
}

const EXTENSION: HeaderFields = {
  name: EMPTY,
  linkname: EMPTY,
  typeflag: "x",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  devmajor: 0,
  devminor: 0,
};

function fieldsOf(entry: WriterEntry, mtime: bigint): HeaderFields {
  return {
    name: nameOf(entry),
    linkname: entry.type === "symlink" || entry.type === "hardlink" ? entry.linkname : EMPTY,
    typeflag: TYPEFLAGS[entry.type],
    mode: entry.mode & 0o7777,
    uid: entry.uid,
    gid: entry.gid,
    size: entry.type === "file" ? entry.size : 0,
    mtime: Number(floorSeconds(mtime)),
    devmajor: "major" in entry ? entry.major : 0,
    devminor: "minor" in entry ? entry.minor : 0,
  };
}

/** What the header cannot say. A name that would be read as another one, for it is not in one piece, is said here too. */
function recordsOf(entry: WriterEntry, fields: HeaderFields, mtime: bigint): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  const put = (keyword: string, value: string | number): void => {
    records.set(keyword, new TextEncoder().encode(String(value)));
  };
  if (!fitsName(fields.name)) records.set("path", fields.name);
  if (fields.linkname.length > LARGEST.linkname) records.set("linkpath", fields.linkname);
  if (fields.uid > LARGEST.id) put("uid", fields.uid);
  if (fields.gid > LARGEST.id) put("gid", fields.gid);
  if (fields.size > LARGEST.size) put("size", fields.size);
  if (mtime % SECOND !== 0n || fields.mtime < 0 || fields.mtime > LARGEST.size) put("mtime", encodePaxTime(mtime));
  for (const [name, value] of entry.xattrs) records.set(xattrKeyword(name), value);
  // Values are UTF-8 unless this is said (POSIX); GNU tar warns of it, so it is said only where it must be.
  if (!isUtf8(records.get("path") ?? EMPTY) || !isUtf8(records.get("linkpath") ?? EMPTY)) put("hdrcharset", "BINARY");
  return records;
}

function xattrKeyword(name: string): string {
  // The keyword ends at the first `=`; star has no escape for it.
  if (name.includes("=") || name.includes("\0"))
    throw new RangeError(`a tar archive cannot hold the extended attribute ${JSON.stringify(name)}`);
  return `SCHILY.xattr.${name}`;
}

function nameOf({ name, type }: WriterEntry): Uint8Array {
  if (name.length === 0 && type === "directory") return new Uint8Array([DOT, SLASH]);
  if (name.length === 0 || name.includes(0)) throw new RangeError("a tar entry's name is empty or holds a NUL");
  return type === "directory" ? joined([name, new Uint8Array([SLASH])]) : name;
}

/** For readers that know no pax: what fits of the fields, at the least. */
function shortened(fields: HeaderFields): HeaderFields {
  return {
    ...fields,
    name: fitsName(fields.name) ? fields.name : fields.name.subarray(0, LARGEST.name),
    linkname: fields.linkname.subarray(0, LARGEST.linkname),
    uid: fields.uid > LARGEST.id ? 0 : fields.uid,
    gid: fields.gid > LARGEST.id ? 0 : fields.gid,
    size: fields.size > LARGEST.size ? 0 : fields.size,
    mtime: Math.min(Math.max(fields.mtime, 0), LARGEST.size),
  };
}

async function* contentOf(entry: WriterEntry & { readonly type: "file" }): AsyncGenerator<Uint8Array, void, void> {
  let left = entry.size;
  for await (const chunk of entry.content) {
    left -= chunk.length;
    if (left < 0) break;
    if (chunk.length > 0) yield chunk;
  }
  if (left !== 0)
    throw new RangeError(
      `${new TextDecoder().decode(entry.name)}: its content is not the ${entry.size} bytes announced`,
    );
  const padding = (BLOCK - (entry.size % BLOCK)) % BLOCK;
  if (padding > 0) yield new Uint8Array(padding);
}

function timeOf(own: bigint, times: WriterTimes): bigint {
  if (times.kind === "keep") return own;
  return times.kind === "fix" || own > times.time ? times.time : own;
}

function floorSeconds(time: bigint): bigint {
  const rest = ((time % SECOND) + SECOND) % SECOND;
  return (time - rest) / SECOND;
}

function clampedSeconds(time: bigint): number {
  return Math.min(Math.max(Number(floorSeconds(time)), 0), LARGEST.size);
}

function padded(body: Uint8Array): Uint8Array {
  return joined([body, new Uint8Array((BLOCK - (body.length % BLOCK)) % BLOCK)]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const strict = new TextDecoder("utf-8", { fatal: true });
