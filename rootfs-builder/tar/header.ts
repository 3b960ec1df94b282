// One 512-byte header block as fields: POSIX.1-2017 pax(1) "ustar Interchange Format", tar(5) for the GNU and v7 forms.
// A view over bytes: what the fields mean together (long names, pax records) is the reader's to say.
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

const USTAR = "ustar\0";
const MODE_BITS = 0o7777;
const CHECKSUM_AT = 148;
const CHECKSUM_LENGTH = 8;
const SPACE = 0x20;

/** The header in `block` (512 bytes). Throws {@link TarError} with `offset` when the checksum or a number is wrong. */
export function decodeHeader(block: Uint8Array, offset: number): Header {
  verifyChecksum(block, offset);
  const ustar = latin1(block.subarray(257, 263)) === USTAR;
  const number = (at: number, length: number, what: string): number =>
    decodeNumber(block.subarray(at, at + length), what, offset);
  const signed = (at: number, length: number, what: string): number =>
    decodeSigned(block.subarray(at, at + length), what, offset);
  // v7 archives leave garbage in the device fields of other types: only devices have them read.
  const typeflag = latin1(block.subarray(156, 157));
  const device = typeflag === "3" || typeflag === "4";
  return {
    name: joinPrefix(ustar ? field(block, 345, 155) : new Uint8Array(), field(block, 0, 100)),
    mode: number(100, 8, "mode") & MODE_BITS,
    uid: number(108, 8, "uid"),
    gid: number(116, 8, "gid"),
    size: number(124, 12, "size"),
    mtime: signed(136, 12, "mtime"),
    typeflag,
    linkname: field(block, 157, 100),
    devmajor: device ? number(329, 8, "device major") : 0,
    devminor: device ? number(337, 8, "device minor") : 0,
  };
}

/** Does the block hold zeros only, as the two at an archive's end do? */
export function isZeroBlock(block: Uint8Array): boolean {
  for (let at = 0; at < BLOCK; at++) if (block[at] !== 0) return false;
  return true;
}

/** The sum of all bytes, those of the checksum itself counted as spaces; some old writers summed signed bytes. */
function verifyChecksum(block: Uint8Array, offset: number): void {
  let unsigned = CHECKSUM_LENGTH * SPACE;
  let high = 0;
  for (let at = 0; at < BLOCK; at++) {
    if (at >= CHECKSUM_AT && at < CHECKSUM_AT + CHECKSUM_LENGTH) continue;
    const byte = block[at] ?? 0;
    unsigned += byte;
    if (byte >= 128) high++;
  }
  const told = latin1(cut(block.subarray(CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_LENGTH))).trim();
  const sum = /^[0-7]+$/.test(told) ? Number.parseInt(told, 8) : -1;
  if (sum !== unsigned && sum !== unsigned - 256 * high)
    throw new TarError("there is no tar header here, for the checksum does not match", offset);
}

function decodeNumber(bytes: Uint8Array, what: string, offset: number): number {
  const value = decodeSigned(bytes, what, offset);
  if (value < 0) throw new TarError(`the header's ${what} is negative`, offset);
  return value;
}

/** Octal text, or base-256 when the first byte's high bit is set (tar(5), "GNU tar archives"). */
function decodeSigned(bytes: Uint8Array, what: string, offset: number): number {
  if (((bytes[0] ?? 0) & 0x80) !== 0) return decodeBase256(bytes, what, offset);
  const text = latin1(cut(bytes)).trim();
  if (!/^[0-7]*$/.test(text)) throw new TarError(`the header's ${what} is no octal number`, offset);
  return text === "" ? 0 : Number.parseInt(text, 8);
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

function joinPrefix(prefix: Uint8Array, name: Uint8Array): Uint8Array {
  if (prefix.length === 0) return name;
  const joined = new Uint8Array(prefix.length + 1 + name.length);
  joined.set(prefix);
  joined[prefix.length] = 0x2f;
  joined.set(name, prefix.length + 1);
  return joined;
}

function field(block: Uint8Array, at: number, length: number): Uint8Array {
  return cut(block.subarray(at, at + length)).slice();
}

function cut(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
