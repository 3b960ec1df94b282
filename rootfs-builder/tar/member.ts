// What one member of an archive is, once its header and the extended headers before it are known. Pure. Where readers
// disagree on a member, what follows it could be read in two ways, so it is refused.
import type { Header } from "./header.ts";
import { decodePaxNumber, decodePaxTime, type PaxRecords } from "./pax.ts";
import { paxXattrs } from "./pax_xattrs.ts";
import { type PaxSparse, paxSparse } from "./sparse.ts";
import type { TarEntry, TarNode } from "./tar_entry.ts";
import { TarError } from "./tar_error.ts";

/** What extended headers have said of the next member. */
export type Said = {
  readonly pax: PaxRecords;
  readonly longName: Uint8Array | undefined;
  readonly longLink: Uint8Array | undefined;
};

export type Member = {
  readonly entry: TarEntry;
  /** Bytes that follow the header, a sparse map of theirs included; none for all types but files. */
  readonly stored: number;
  readonly sparse: PaxSparse | undefined;
};

const SECOND = 1_000_000_000n;
const SLASH = 0x2f;
/** Their records would be applied by one reader and ignored by another. */
const REFUSED_RECORDS: Readonly<Record<string, string>> = {
  "SCHILY.realsize": "a sparse file of star",
  "SUN.holesdata": "a sparse file of Solaris",
};
const REFUSED: Readonly<Record<string, string>> = {
  M: "the continuation of a file from another volume",
  N: "a GNU tar long name of before 1991",
};

/** `sparseSize`: of a file of type `S`, from its header. */
export function memberOf(header: Header, said: Said, offset: number, sparseSize?: number): Member {
  const { pax } = said;
  const sparse = pax.size > 0 ? sparseOf(header, pax, offset) : undefined;
  const name = sparse?.name ?? value(pax, "path") ?? said.longName ?? header.name;
  const refuse = (reason: string): TarError => new TarError(reason, offset, shownName(name));
  if (name.length === 0 || name.includes(0)) throw refuse("the name is empty or holds a NUL");
  const mtime = value(pax, "mtime");
  const stored = numberOf(header, pax, "size", offset);
  const node = nodeOf(header, said, name, sparseSize ?? sparse?.size ?? stored, refuse);
  if (sparse && node.type !== "file") throw refuse("a sparse file that is no file");
  const entry: TarEntry = {
    ...node,
    name,
    mode: header.mode,
    uid: numberOf(header, pax, "uid", offset),
    gid: numberOf(header, pax, "gid", offset),
    mtime: mtime ? decodePaxTime(mtime, offset) : BigInt(header.mtime) * SECOND,
    xattrs: paxXattrs(pax, offset),
    offset,
    pax,
  };
  return { entry, stored: hasContent(header, entry, pax, refuse) ? stored : 0, sparse };
}

/** `name` for messages, where UTF-8 it is not with U+FFFD. */
export function shownName(name: Uint8Array): string {
  return decoder.decode(name);
}

function sparseOf({ typeflag }: Header, pax: PaxRecords, offset: number): PaxSparse | undefined {
  for (const [record, what] of Object.entries(REFUSED_RECORDS))
    if (pax.has(record)) throw new TarError(`${what}: not supported`, offset);
  const sparse = paxSparse(pax, offset);
  if (sparse && typeflag === "S") throw new TarError("a sparse file with two maps", offset);
  return sparse;
}

function numberOf(header: Header, pax: PaxRecords, keyword: "uid" | "gid" | "size", offset: number): number {
  const text = value(pax, keyword);
  return text ? decodePaxNumber(text, keyword, offset) : header[keyword];
}

/**
 * POSIX: the other types have no content, whatever the size field says; old writers put a linked file's there. A record that
 * gives them one is another matter: libarchive then reads content, GNU tar does not. Type `D` has a list of names as content.
 */
function hasContent(
  header: Header,
  { type }: TarEntry,
  pax: PaxRecords,
  refuse: (reason: string) => TarError,
): boolean {
  if (type === "file" || header.typeflag === "D") return true;
  const size = value(pax, "size");
  if (size && decodePaxNumber(size, "size", 0) > 0) throw refuse(`a pax record gives a ${type} content`);
  return false;
}

function nodeOf(
  header: Header,
  said: Said,
  name: Uint8Array,
  size: number,
  refuse: (reason: string) => TarError,
): TarNode {
  switch (header.typeflag) {
    case "\0":
    case "0":
    case "7":
    case "S":
      // v7 had no type for folders: the name ends in a slash.
      if (name.at(-1) !== SLASH) return { type: "file", size };
      // Readers disagree on whether such a folder's content is there.
      if (size > 0 || header.typeflag === "S") throw refuse("a file's name ends in a slash");
      return { type: "directory" };
    case "1":
      return { type: "hardlink", linkname: linknameOf(header, said, refuse) };
    case "2":
      return { type: "symlink", linkname: linknameOf(header, said, refuse) };
    case "3":
      return { type: "character", major: header.devmajor, minor: header.devminor };
    case "4":
      return { type: "block", major: header.devmajor, minor: header.devminor };
    case "5":
    case "D":
      return { type: "directory" };
    case "6":
      return { type: "fifo" };
    default:
      throw refuse(`${REFUSED[header.typeflag] ?? `type ${JSON.stringify(header.typeflag)}`}: not supported`);
  }
}

function linknameOf({ linkname }: Header, said: Said, refuse: (reason: string) => TarError): Uint8Array {
  const target = value(said.pax, "linkpath") ?? said.longLink ?? linkname;
  if (target.length === 0 || target.includes(0)) throw refuse("the link's target is empty or holds a NUL");
  return target;
}

/** An empty value takes a global record back (POSIX pax(1)). */
function value(pax: PaxRecords, keyword: string): Uint8Array | undefined {
  const found = pax.get(keyword);
  return found && found.length > 0 ? found : undefined;
}

const decoder = new TextDecoder();
