// Fields as one 512-byte ustar header block, POSIX.1-2017 pax(1): the inverse of header.ts. Only what fits is written;
// what does not is for a pax record to say.
import { BLOCK, type Header } from "./header.ts";

export type HeaderFields = Header;

/** Greatest values that the fields hold. */
export const LARGEST = {
  /** Bytes. */
  name: 100,
  linkname: 100,
  id: 0o7777777,
  size: 0o77777777777,
} as const;

const PREFIX = 155;
const SLASH = 0x2f;

/** The block. Values must fit, see {@link LARGEST} and {@link fitsName}. */
export function encodeHeader(fields: HeaderFields): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const text = (at: number, value: string): void => {
    encoder.encodeInto(value, block.subarray(at));
  };
  const octal = (at: number, width: number, value: number): void =>
    text(at, value.toString(8).padStart(width - 1, "0"));
  putName(block, fields.name);
  octal(100, 8, fields.mode);
  octal(108, 8, fields.uid);
  octal(116, 8, fields.gid);
  octal(124, 12, fields.size);
  octal(136, 12, fields.mtime);
  text(156, fields.typeflag);
  block.set(fields.linkname, 157);
  text(257, "ustar\x0000");
  octal(329, 8, fields.devmajor);
  octal(337, 8, fields.devminor);
  text(148, "        ");
  octal(
    148,
    7,
    block.reduce((sum, byte) => sum + byte, 0),
  );
  block[154] = 0;
  return block;
}

/** Can the header hold `name`, by itself or split at a slash? */
export function fitsName(name: Uint8Array): boolean {
  return name.length <= LARGEST.name || splitAt(name) !== undefined;
}

function putName(block: Uint8Array, name: Uint8Array): void {
  const split = name.length <= LARGEST.name ? undefined : splitAt(name);
  if (split === undefined) return block.set(name, 0);
  block.set(name.subarray(0, split), 345);
  block.set(name.subarray(split + 1), 0);
}

/** The last slash that leaves a prefix that fits and a name that is not empty; `undefined` where no slash does. */
function splitAt(name: Uint8Array): number | undefined {
  const at = name.lastIndexOf(SLASH, Math.min(PREFIX, name.length - 2));
  return at > 0 && name.length - at - 1 <= LARGEST.name ? at : undefined;
}

const encoder = new TextEncoder();
