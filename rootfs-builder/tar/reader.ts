// A tar archive as a stream of entries: bytes are pushed in as they come, events come out, nothing is kept but the block
// or extended header under way. Pure: it opens nothing and trusts nothing. ustar, pax and GNU long names are read; forms
// that would need more to be right (sparse files, several volumes) are refused by name rather than unpacked wrong.
//
// References: POSIX.1-2017 pax(1); tar(5) of libarchive for the GNU forms.
import { BLOCK, decodeHeader, type Header, isZeroBlock } from "./header.ts";
import { decodePax, decodePaxNumber, decodePaxTime, type PaxRecords } from "./pax.ts";
import type { TarEntry, TarEvent, TarNode } from "./tar_entry.ts";
import { TarError } from "./tar_error.ts";

/** Extended headers and long names are held in memory, and paths end at 4096 bytes; this leaves room for attributes. */
const LARGEST_EXTENSION = 1 << 20;
const SECOND = 1_000_000_000n;
const SLASH = 0x2f;
const NO_RECORDS: PaxRecords = new Map();

type ExtensionUse = "pax" | "pax global" | "long name" | "long link" | "skip";

type State =
  | { readonly kind: "header" }
  | { readonly kind: "extension"; readonly use: ExtensionUse; readonly body: Uint8Array; filled: number }
  | { readonly kind: "content"; readonly size: number; position: number }
  | { readonly kind: "skip"; left: number }
  /** One zero block was read; a second one must follow. */
  | { readonly kind: "ending" }
  | { readonly kind: "ended" };

const EXTENSIONS: Readonly<Record<string, ExtensionUse>> = {
  x: "pax",
  g: "pax global",
  L: "long name",
  K: "long link",
  // A volume's label says nothing of the tree.
  V: "skip",
};

const REFUSED: Readonly<Record<string, string>> = {
  S: "a GNU sparse file",
  M: "the continuation of a file from another volume",
  D: "a folder of a GNU incremental backup",
  N: "a GNU tar long name of before 1991",
};

export class TarReader {
  #state: State = { kind: "header" };
  #offset = 0;
  readonly #block = new Uint8Array(BLOCK);
  #blockFilled = 0;
  #padding = 0;
  #global: PaxRecords = NO_RECORDS;
  #pax: PaxRecords = NO_RECORDS;
  #longName: Uint8Array | undefined;
  #longLink: Uint8Array | undefined;
  #entry: string | undefined;

  /**
   * The events that `chunk` completes. `data` events are views of `chunk`: use them before it is reused.
   * Throws {@link TarError}; the reader is of no use afterwards.
   */
  *push(chunk: Uint8Array): Generator<TarEvent, void, void> {
    for (let rest = chunk; rest.length > 0; ) {
      const { taken, event, done } = this.#take(rest);
      this.#offset += taken;
      rest = rest.subarray(taken);
      if (event) yield event;
      if (done) yield { kind: "done" };
    }
  }

  /** To be called at the end of input: throws {@link TarError} when the archive is not complete. */
  end(): void {
    if (this.#state.kind === "ended") return;
    if (this.#state.kind === "ending" && this.#blockFilled === 0) return;
    throw this.#error(this.#offset === 0 ? "the archive is empty" : "the archive is cut off");
  }

  #take(rest: Uint8Array): { taken: number; event?: TarEvent; done?: boolean } {
    const state = this.#state;
    if (this.#padding > 0) return this.#takePadding(rest);
    switch (state.kind) {
      case "header":
      case "ending":
        return this.#takeHeader(rest);
      case "extension":
        return this.#takeExtension(state, rest);
      case "content":
        return this.#takeContent(state, rest);
      case "skip":
        return this.#takeSkip(state, rest);
      case "ended":
        return { taken: rest.length };
    }
  }

  #takePadding(rest: Uint8Array): { taken: number } {
    const taken = Math.min(this.#padding, rest.length);
    this.#padding -= taken;
    return { taken };
  }

  #takeHeader(rest: Uint8Array): { taken: number; event?: TarEvent; done?: boolean } {
    this.#entry = undefined;
    const taken = Math.min(BLOCK - this.#blockFilled, rest.length);
    this.#block.set(rest.subarray(0, taken), this.#blockFilled);
    this.#blockFilled += taken;
    if (this.#blockFilled < BLOCK) return { taken };
    this.#blockFilled = 0;
    const offset = this.#offset + taken - BLOCK;
    if (isZeroBlock(this.#block)) return this.#takeZeroBlock(taken);
    if (this.#state.kind === "ending") throw this.#error("one block of zeros, then more: not the end of an archive");
    return { taken, ...this.#startMember(decodeHeader(this.#block, offset), offset) };
  }

  #takeZeroBlock(taken: number): { taken: number } {
    if (this.#pax !== NO_RECORDS || this.#longName || this.#longLink)
      throw this.#error("an extended header with no entry after it");
    this.#state = { kind: this.#state.kind === "ending" ? "ended" : "ending" };
    return { taken };
  }

  #startMember(header: Header, offset: number): { event?: TarEvent; done?: boolean } {
    const use = EXTENSIONS[header.typeflag];
    if (use === "skip") this.#skip(header.size);
    else if (use) this.#startExtension(use, header, offset);
    else return this.#startEntry(header, offset);
    return {};
  }

  #startExtension(use: ExtensionUse, header: Header, offset: number): void {
    if (header.size === 0 || header.size > LARGEST_EXTENSION)
      throw new TarError(`a ${use} header of ${header.size} bytes`, offset);
    this.#state = { kind: "extension", use, body: new Uint8Array(header.size), filled: 0 };
  }

  #takeExtension(state: State & { kind: "extension" }, rest: Uint8Array): { taken: number } {
    const taken = Math.min(state.body.length - state.filled, rest.length);
    state.body.set(rest.subarray(0, taken), state.filled);
    state.filled += taken;
    if (state.filled < state.body.length) return { taken };
    this.#applyExtension(state.use, state.body, this.#offset + taken - state.body.length);
    this.#endMember(taken);
    return { taken };
  }

  #applyExtension(use: ExtensionUse, body: Uint8Array, offset: number): void {
    if (use === "long name") this.#longName = cutAtNul(body);
    else if (use === "long link") this.#longLink = cutAtNul(body);
    else if (use === "pax global") this.#global = new Map([...this.#global, ...decodePax(body, offset)]);
    else this.#pax = decodePax(body, offset);
  }

  #startEntry(header: Header, offset: number): { event: TarEvent; done?: boolean } {
    const entry = this.#entryOf(header, offset);
    this.#pax = NO_RECORDS;
    this.#longName = undefined;
    this.#longLink = undefined;
    if (entry.type === "file" && entry.size > 0) {
      this.#state = { kind: "content", size: entry.size, position: 0 };
      return { event: { kind: "entry", entry } };
    }
    // POSIX: the other types have no content, whatever their size field says.
    this.#state = { kind: "header" };
    return { event: { kind: "entry", entry }, done: true };
  }

  #takeContent(
    state: State & { kind: "content" },
    rest: Uint8Array,
  ): { taken: number; event: TarEvent; done?: boolean } {
    const bytes = rest.subarray(0, Math.min(state.size - state.position, rest.length));
    const event: TarEvent = { kind: "data", position: state.position, bytes };
    state.position += bytes.length;
    const done = state.position === state.size;
    if (done) this.#endMember(bytes.length);
    return { taken: bytes.length, event, done };
  }

  #skip(size: number): void {
    if (size > 0) this.#state = { kind: "skip", left: size };
  }

  #takeSkip(state: State & { kind: "skip" }, rest: Uint8Array): { taken: number } {
    const taken = Math.min(state.left, rest.length);
    state.left -= taken;
    if (state.left === 0) this.#endMember(taken);
    return { taken };
  }

  /** The content ends after `taken` more bytes; the next header begins at a multiple of the block's size. */
  #endMember(taken: number): void {
    this.#padding = (BLOCK - ((this.#offset + taken) % BLOCK)) % BLOCK;
    this.#state = { kind: "header" };
  }

  #entryOf(header: Header, offset: number): TarEntry {
    const pax = this.#recordsInForce();
    const name = value(pax, "path") ?? this.#longName ?? header.name;
    this.#entry = new TextDecoder().decode(name);
    if (name.length === 0 || name.includes(0)) throw this.#error("the name is empty or holds a NUL", offset);
    const number = (keyword: "uid" | "gid" | "size"): number => {
      const text = value(pax, keyword);
      return text ? decodePaxNumber(text, keyword, offset) : header[keyword];
    };
    const mtime = value(pax, "mtime");
    return {
      ...this.#nodeOf(header, name, number("size"), pax, offset),
      name,
      mode: header.mode,
      uid: number("uid"),
      gid: number("gid"),
      mtime: mtime ? decodePaxTime(mtime, offset) : BigInt(header.mtime) * SECOND,
      offset,
      pax,
    };
  }

  #recordsInForce(): PaxRecords {
    return this.#global.size === 0 ? this.#pax : new Map([...this.#global, ...this.#pax]);
  }

  #nodeOf(header: Header, name: Uint8Array, size: number, pax: PaxRecords, offset: number): TarNode {
    for (const keyword of pax.keys())
      if (keyword.startsWith("GNU.sparse.")) throw this.#error("a GNU sparse file: not supported", offset);
    switch (header.typeflag) {
      case "\0":
      case "0":
      case "7":
        // v7 had no type for folders: the name ends in a slash.
        if (name.at(-1) !== SLASH) return { type: "file", size };
        // Readers disagree on whether such a folder's content is there, so what follows could be read in two ways.
        if (size > 0) throw this.#error("a file's name ends in a slash", offset);
        return { type: "directory" };
      case "1":
        return { type: "hardlink", linkname: this.#linkname(header, pax, offset) };
      case "2":
        return { type: "symlink", linkname: this.#linkname(header, pax, offset) };
      case "3":
        return { type: "character", major: header.devmajor, minor: header.devminor };
      case "4":
        return { type: "block", major: header.devmajor, minor: header.devminor };
      case "5":
        return { type: "directory" };
      case "6":
        return { type: "fifo" };
      default:
        throw this.#error(
          `${REFUSED[header.typeflag] ?? `type ${JSON.stringify(header.typeflag)}`}: not supported`,
          offset,
        );
    }
  }

  #linkname(header: Header, pax: PaxRecords, offset: number): Uint8Array {
    const linkname = value(pax, "linkpath") ?? this.#longLink ?? header.linkname;
    if (linkname.length === 0 || linkname.includes(0))
      throw this.#error("the link's target is empty or holds a NUL", offset);
    return linkname;
  }

  #error(reason: string, offset = this.#offset): TarError {
    return new TarError(reason, offset, this.#entry);
  }
}

/** An empty value takes a global record back (POSIX pax(1)). */
function value(pax: PaxRecords, keyword: string): Uint8Array | undefined {
  const found = pax.get(keyword);
  return found && found.length > 0 ? found : undefined;
}

function cutAtNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
