// One 512-byte header block as fields: POSIX.1-2017 pax(1) "ustar Interchange Format", tar(5) for the GNU and v7 forms.
// A view over bytes: what the fields mean together (long names, pax records) is the reader's to say. It runs once an
// entry, so numbers are read from the bytes with no text in between.
import { TarError } from "./tar_error.ts";

export const BLOCK = 512;

export type Header = {
  readonly name: Uint8Array;
  readonly linkname: Uint8Array;
  readonly typeflag: string;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly devmajor: number;
  readonly devminor: number;
};

const USTAR = [0x75, 0x73, 0x74, 0x61, 0x72, 0x00];
const MODE_BITS = 0o7777;
const CHECKSUM_AT = 148;
const CHECKSUM_LENGTH = 8;
const SPACE = 0x20;
const ZERO = 0x30;

/** The header in `block` (512 bytes). Throws {@link TarError} with `offset` when the checksum or a number is wrong. */
export function decodeHeader(block: Uint8Array, offset: number): Header {
  verifyChecksum(block, offset);
  // v7 archives leave garbage in the device fields of other types: only devices have them read.
  const typeflag = String.fromCharCode(block[156] ?? 0);
  const device = typeflag === "3" || typeflag === "4";
  return {
    name: nameOf(block),
    mode: decodeNumber(block, 100, 8, "mode", offset) & MODE_BITS,
    uid: decodeNumber(block, 108, 8, "uid", offset),
    gid: decodeNumber(block, 116, 8, "gid", offset),
    size: decodeNumber(block, 124, 12, "size", offset),
    mtime: decodeSigned(block, 136, 12, "mtime", offset),
    typeflag,
    linkname: field(block, 157, 100),
    devmajor: device ? decodeNumber(block, 329, 8, "device major", offset) : 0,
    devminor: device ? decodeNumber(block, 337, 8, "device minor", offset) : 0,
  };
}

/** Does the block hold zeros only, as the two at an archive's end do? */
export function isZeroBlock(block: Uint8Array): boolean {
  for (let at = 0; at < BLOCK; at++) if (block[at] !== 0) return false;
  return true;
}

/** The field of `length` bytes at `at`: octal text, or base-256. Throws {@link TarError} when it is negative. */
export function decodeNumber(block: Uint8Array, at: number, length: number, what: string, offset: number): number {
  const value = decodeSigned(block, at, length, what, offset);
  if (value < 0) throw new TarError(`the header's ${what} is negative`, offset);
  return value;
}

/** The sum of all bytes, those of the checksum itself counted as spaces; some old writers summed signed bytes. */
function verifyChecksum(block: Uint8Array, offset: number): void {
  let unsigned = CHECKSUM_LENGTH * SPACE;
  let high = 0;
  for (let at = 0; at < BLOCK; at++) {
    const byte = block[at] ?? 0;
    unsigned += byte;
    high += byte >> 7;
  }
  for (let at = CHECKSUM_AT; at < CHECKSUM_AT + CHECKSUM_LENGTH; at++) {
    unsigned -= block[at] ?? 0;
    high -= (block[at] ?? 0) >> 7;
  }
  const told = decodeOctal(block, CHECKSUM_AT, CHECKSUM_LENGTH);
  if (told === undefined || (told !== unsigned && told !== unsigned - 256 * high))
    throw new TarError("there is no tar header here, for the checksum does not match", offset);
}

/** Octal text, or base-256 when the first byte's high bit is set (tar(5), "GNU tar archives"). */
function decodeSigned(block: Uint8Array, at: number, length: number, what: string, offset: number): number {
  if (((block[at] ?? 0) & 0x80) !== 0) return decodeBase256(block.subarray(at, at + length), what, offset);
  const value = decodeOctal(block, at, length);
  if (value === undefined) throw new TarError(`the header's ${what} is no octal number`, offset);
  return value;
}

/** Digits between optional spaces, ended by a NUL, a space or the field; an empty field is 0. `undefined` for other text. */
function decodeOctal(block: Uint8Array, start: number, length: number): number | undefined {
  const end = start + length;
  let at = start;
  while (at < end && block[at] === SPACE) at++;
  let value = 0;
  for (; at < end; at++) {
    const digit = (block[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; at < end && block[at] !== 0; at++) if (block[at] !== SPACE) return undefined;
  return value;
}

/** Two's complement, big endian; the first byte's high bit is the marker and the next one the sign. */
function decodeBase256(bytes: Uint8Array, what: string, offset: number): number {
  const first = bytes[0] ?? 0;
  let value = BigInt((first & 0x40) === 0 ? first & 0x3f : (first & 0x7f) - 0x80);
  for (const byte of bytes.subarray(1)) value = value * 256n + BigInt(byte);
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER))
    throw new TarError(`the header's ${what} is out of range`, offset);
  return Number(value);
}

/** Only ustar has a prefix; GNU keeps times in its place. */
function nameOf(block: Uint8Array): Uint8Array {
  const name = field(block, 0, 100);
  if (block[345] === 0 || USTAR.some((byte, at) => block[257 + at] !== byte)) return name;
  const prefix = field(block, 345, 155);
  const joined = new Uint8Array(prefix.length + 1 + name.length);
  joined.set(prefix);
  joined[prefix.length] = 0x2f;
  joined.set(name, prefix.length + 1);
  return joined;
}

function field(block: Uint8Array, at: number, length: number): Uint8Array {
  const end = block.indexOf(0, at);
  return block.slice(at, end < 0 || end > at + length ? at + length : end);
}
