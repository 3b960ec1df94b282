// Maps of sparse files: which regions of a file are in the archive; all else in it are holes. GNU tar has had four forms
// (its manual, "Storing Sparse Files"): in the header and blocks after it (type `S`), in pax records one by one (0.0), in
// one record (0.1), and before the content (1.0). All become one list, checked here once for every form.
import { BLOCK, decodeNumber } from "./header.ts";
import { decodePaxNumber, type PaxRecords } from "./pax.ts";
import { TarError } from "./tar_error.ts";

/** Position and length of each region in turn, in bytes. */
export type Regions = readonly number[];

/** A map is held in memory: 16 MiB of it. */
const MOST_NUMBERS = 1 << 21;
const OLD_IN_HEADER = { at: 386, count: 4, more: 482 } as const;
const OLD_IN_BLOCK = { at: 0, count: 21, more: 504 } as const;
const OLD_REAL_SIZE = 483;
const NEWLINE = 0x0a;

/** The map of type `S`: starts in the header, goes on in blocks for as long as {@link take} says so. */
export class OldGnuMap {
  readonly size: number;
  readonly numbers: number[] = [];
  #more: boolean;

  constructor(header: Uint8Array, offset: number) {
    this.size = decodeNumber(header, OLD_REAL_SIZE, 12, "size of the sparse file", offset);
    this.#more = this.#read(header, OLD_IN_HEADER, offset);
  }

  /** Does another block of the map follow? */
  get more(): boolean {
    return this.#more;
  }

  take(block: Uint8Array, offset: number): void {
    this.#more = this.#read(block, OLD_IN_BLOCK, offset);
    if (this.numbers.length > MOST_NUMBERS) throw new TarError("the sparse file's map is too long", offset);
  }

  #read(block: Uint8Array, { at, count, more }: typeof OLD_IN_HEADER | typeof OLD_IN_BLOCK, offset: number): boolean {
    for (let index = 0; index < count; index++) {
      const start = at + 24 * index;
      // The first unused pair ends the list, and blank fields are zeros.
      if (block[start] === 0 && block[start + 12] === 0) break;
      this.numbers.push(decodeNumber(block, start, 12, "sparse offset", offset));
      this.numbers.push(decodeNumber(block, start + 12, 12, "sparse length", offset));
    }
    return block[more] !== 0;
  }
}

/** The map of form 1.0: decimal lines at the start of the content, the first one the count of pairs, padded to a block. */
export class ContentMap {
  readonly numbers: number[] = [];
  #expected: number | undefined;
  #digits = "";

  /** Takes one block of content; true once the map is complete. */
  take(block: Uint8Array, offset: number): boolean {
    for (const byte of block) {
      if (byte === NEWLINE) this.#line(offset);
      else this.#digits += String.fromCharCode(byte);
      if (this.#digits.length > 20) throw new TarError("a line of the sparse file's map is no number", offset);
      if (this.numbers.length === this.#expected) return true;
    }
    return false;
  }

  #line(offset: number): void {
    const number = decimal(this.#digits, offset);
    this.#digits = "";
    if (this.#expected !== undefined) this.numbers.push(number);
    else if (2 * number > MOST_NUMBERS) throw new TarError("the sparse file's map is too long", offset);
    else this.#expected = 2 * number;
  }
}

export type PaxSparse = {
  readonly form: "records" | "content";
  /** Of the file, holes included. */
  readonly size: number;
  readonly name: Uint8Array | undefined;
  /** Of form 0.0 and 0.1. */
  readonly numbers: readonly number[];
};

/** What pax records say of a sparse file; `undefined` for one that is none. */
export function paxSparse(pax: PaxRecords, offset: number): PaxSparse | undefined {
  const about = [...pax.keys()].filter((keyword) => keyword.startsWith("GNU.sparse."));
  if (about.length === 0) return undefined;
  const version = `${textOf(pax, "major") ?? 0}.${textOf(pax, "minor") ?? (pax.has("GNU.sparse.map") ? 1 : 0)}`;
  const size = pax.get("GNU.sparse.realsize") ?? pax.get("GNU.sparse.size");
  if (!size) throw new TarError("a GNU sparse file without its size", offset);
  const told = { size: decodePaxNumber(size, "GNU.sparse.size", offset), name: pax.get("GNU.sparse.name") };
  if (version === "1.0") return { ...told, form: "content", numbers: [] };
  if (version === "0.1") return { ...told, form: "records", numbers: listOf(pax, "map", offset) };
  if (version === "0.0") return { ...told, form: "records", numbers: zipped(pax, offset) };
  throw new TarError(`a GNU sparse file of version ${version}: not supported`, offset);
}

/**
 * The regions with something in them. Throws {@link TarError} unless they rise without overlapping, end within `size`, and
 * are together as long as what is stored.
 */
export function checkedRegions(numbers: readonly number[], size: number, stored: number, offset: number): Regions {
  if (numbers.length % 2 !== 0) throw new TarError("the sparse file's map has an odd count of numbers", offset);
  const regions: number[] = [];
  let end = 0;
  let total = 0;
  for (let at = 0; at < numbers.length; at += 2) {
    const position = numbers[at] ?? 0;
    const length = numbers[at + 1] ?? 0;
    if (position < end || position + length > size)
      throw new TarError("the sparse file's map has regions out of order or beyond its end", offset);
    end = position + length;
    total += length;
    if (length > 0) regions.push(position, length);
  }
  if (total !== stored) throw new TarError("the sparse file's map does not fit what is stored of it", offset);
  return regions;
}

/** A map of form 1.0 is part of what is stored: what is left of that once a block of the map is taken. */
export function storedAfterBlock(stored: number, offset: number): number {
  if (stored < BLOCK) throw new TarError("the sparse file's map is cut off", offset);
  return stored - BLOCK;
}

function zipped(pax: PaxRecords, offset: number): number[] {
  const positions = listOf(pax, "offset", offset);
  const lengths = listOf(pax, "numbytes", offset);
  if (positions.length !== lengths.length)
    throw new TarError("the sparse file's map has offsets and lengths of different counts", offset);
  return positions.flatMap((position, at) => [position, lengths[at] ?? 0]);
}

function listOf(pax: PaxRecords, keyword: string, offset: number): number[] {
  const text = textOf(pax, keyword) ?? "";
  return text === "" ? [] : text.split(",").map((digits) => decimal(digits, offset));
}

function textOf(pax: PaxRecords, keyword: string): string | undefined {
  const value = pax.get(`GNU.sparse.${keyword}`);
  return value && new TextDecoder().decode(value);
}

function decimal(digits: string, offset: number): number {
  const number = Number(digits);
  if (!/^\d{1,16}$/.test(digits) || !Number.isSafeInteger(number))
    throw new TarError("a number in the sparse file's map is out of range", offset);
  return number;
}
