// Domain names on the wire (RFC 1035 sections 3.1 and 4.1.4) and as text: dotted, in lower case, for names compare without case
// (RFC 4343); octets that are no visible ASCII as \DDD, a dot or backslash within a label behind a backslash (RFC 1035 section 5.1).
// No dot at the end; the root is ".".
import { get16 } from "./network_order.ts";

export type ReadName = {
  readonly name: string;
  /** The name's labels in bytes of their own, uncompressed, in the case that they were sent in. */
  readonly wireName: Uint8Array;
  /** Where the bytes after the name start. */
  readonly end: number;
};

const MOST_LABEL = 63;
/** With its length octets and the root's. */
const MOST_NAME = 255;
/** A name has at most 127 labels, and no message needs a pointer without a label between. */
const MOST_POINTERS = 127;
const POINTER = 0xc0;
const DOT = 0x2e;
const BACKSLASH = 0x5c;

/** The name at `at`, compressed or not. Pointers must lead back, so there is no loop; and they are counted, so it's never long. */
export function readName(bytes: Uint8Array, at: number): ReadName | undefined {
  const wire = new Uint8Array(MOST_NAME);
  let length = 0;
  let from = at;
  let limit = at;
  let end: number | undefined;
  for (let pointers = 0; pointers <= MOST_POINTERS; ) {
    const octet = bytes[from];
    if (octet === undefined) return undefined;
    if (octet >= POINTER) {
      end ??= from + 2;
      from = get16(bytes, from) & 0x3fff;
      if (from >= limit || end > bytes.length) return undefined;
      limit = from;
      pointers++;
    } else {
      const next = from + 1 + octet;
      if (octet > MOST_LABEL || next > bytes.length || length + 1 + octet > MOST_NAME) return undefined;
      wire.set(bytes.subarray(from, next), length);
      length += 1 + octet;
      from = next;
      if (octet === 0)
        return { name: nameText(wire.subarray(0, length)), wireName: wire.slice(0, length), end: end ?? next };
    }
  }
  return undefined;
}

/** Text as wire format, uncompressed; `undefined` where it's no name: empty labels, labels or names too long, escapes cut short. */
export function encodeName(name: string): Uint8Array<ArrayBuffer> | undefined {
  const labels = name === "." || name === "" ? [] : labelsOf(name);
  if (labels === undefined) return undefined;
  const length = labels.reduce((total, label) => total + 1 + label.length, 1);
  if (length > MOST_NAME || labels.some((label) => label.length === 0 || label.length > MOST_LABEL)) return undefined;
  return Uint8Array.from([...labels.flatMap((label) => [label.length, ...label]), 0]);
}

/** Wire format that is known to be right, as text. */
function nameText(wire: Uint8Array): string {
  if (wire.length === 1) return ".";
  let text = "";
  for (let at = 0; wire[at] !== 0; ) {
    const next = at + 1 + (wire[at] ?? 0);
    if (at > 0) text += ".";
    for (at++; at < next; at++) text += octetText(wire[at] ?? 0);
  }
  return text;
}

function octetText(octet: number): string {
  if (octet === DOT || octet === BACKSLASH) return `\\${String.fromCharCode(octet)}`;
  if (octet <= 0x20 || octet >= 0x7f) return `\\${octet.toString().padStart(3, "0")}`;
  return String.fromCharCode(octet).toLowerCase();
}

/** The octets of each label; a dot at the end is the root's and starts none. */
function labelsOf(text: string): readonly (readonly number[])[] | undefined {
  const labels: number[][] = [[]];
  for (const [piece] of text.matchAll(/\\[0-9]{3}|\\[^0-9]|./gsu)) {
    const octet = octetOf(piece);
    if (octet === undefined) return undefined;
    if (piece === ".") labels.push([]);
    else labels.at(-1)?.push(octet);
  }
  return labels.at(-1)?.length === 0 ? labels.slice(0, -1) : labels;
}

/** One character, or one behind a backslash, or three digits behind it. */
function octetOf(piece: string): number | undefined {
  if (piece === "\\") return undefined;
  const octet =
    piece.length === 4
      ? Number(piece.slice(1))
      : (piece.codePointAt(piece.length === 2 && piece.startsWith("\\") ? 1 : 0) ?? 0);
  return octet > (piece.length === 4 ? 0xff : 0x7f) ? undefined : octet;
}
