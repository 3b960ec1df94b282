// A tar archive as a stream of entries: bytes are pushed in as they come, events come out, nothing is kept but the block,
// extended header or sparse map under way. Pure: it opens nothing and trusts nothing. v7, ustar, pax and GNU archives are
// read, sparse files of either kind too; what would need more to be right (several volumes) is refused by name rather than
// unpacked wrong.
//
// References: POSIX.1-2017 pax(1); tar(5) of libarchive for the GNU forms; member.ts says what an entry is.
import { BLOCK, decodeHeader, type Header, isZeroBlock } from "./header.ts";
import { type Member, memberOf, shownName } from "./member.ts";
import { decodePax, type PaxRecords } from "./pax.ts";
import { ContentMap, checkedRegions, OldGnuMap, type Regions, storedAfterBlock } from "./sparse.ts";
import type { TarEvent } from "./tar_entry.ts";
import { TarError } from "./tar_error.ts";

/** Extended headers and long names are held in memory, and paths end at 4096 bytes; this leaves room for attributes. */
const LARGEST_EXTENSION = 1 << 20;
const NO_RECORDS: PaxRecords = new Map();

type ExtensionUse = "pax" | "pax global" | "long name" | "long link" | "skip";

type State =
  | { readonly kind: "header" }
  | { readonly kind: "extension"; readonly use: ExtensionUse; readonly body: Uint8Array; filled: number }
  /** Blocks of a sparse file's map come before its content. */
  | { readonly kind: "map"; readonly map: OldGnuMap | ContentMap; readonly size: number; stored: number }
  /** `at` the region under way, `within` the bytes of it told so far. */
  | { readonly kind: "content"; readonly regions: Regions; at: number; within: number }
  | { readonly kind: "skip"; left: number; readonly done: boolean }
  /** One zero block was read; a second one must follow. */
  | { readonly kind: "ending" }
  | { readonly kind: "ended" };

type Step = { readonly taken: number; readonly event?: TarEvent; readonly done?: boolean };

const EXTENSIONS: Readonly<Record<string, ExtensionUse>> = {
  x: "pax",
  // What Solaris called it before POSIX had a letter.
  X: "pax",
  g: "pax global",
  L: "long name",
  K: "long link",
  // A volume's label says nothing of the tree.
  V: "skip",
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
  #entry: Uint8Array | undefined;

  /**
   * The events that `chunk` completes. `data` events are views of `chunk`: use them before it is reused.
   * Throws {@link TarError}; the reader is of no use afterwards.
   */
  *push(chunk: Uint8Array): Generator<TarEvent, void, void> {
    // A Buffer's slice is no copy: a name cut from one would keep all of the chunk for as long as the entry is kept.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    for (let at = 0; at < bytes.length; ) {
      const { taken, event, done } = this.#take(at === 0 ? bytes : bytes.subarray(at));
      this.#offset += taken;
      at += taken;
      if (event) yield event;
      if (done) yield { kind: "done" };
    }
  }

  /**
   * To be called at the end of input: throws {@link TarError} when the archive is not complete. Where a member is, what comes after may
   * be missing, the zeros that fill its last block and the two blocks of them: umoci insert writes such layers.
   */
  end(): void {
    if (this.#state.kind === "ended") return;
    const betweenMembers = this.#state.kind === "ending" || this.#state.kind === "header";
    if (betweenMembers && this.#blockFilled === 0 && this.#offset > 0 && !this.#isExtended()) return;
    throw this.#error(this.#offset === 0 ? "the archive is empty" : "the archive is cut off");
  }

  #take(rest: Uint8Array): Step {
    const state = this.#state;
    if (this.#padding > 0) return this.#takePadding(rest);
    switch (state.kind) {
      case "header":
      case "ending":
        return this.#takeHeader(rest);
      case "extension":
        return this.#takeExtension(state, rest);
      case "map":
        return this.#takeMap(state, rest);
      case "content":
        return this.#takeContent(state, rest);
      case "skip":
        return this.#takeSkip(state, rest);
      case "ended":
        return { taken: rest.length };
    }
  }

  #takePadding(rest: Uint8Array): Step {
    const taken = Math.min(this.#padding, rest.length);
    this.#padding -= taken;
    return { taken };
  }

  /** The next block, where `rest` completes one: a view of `rest` or of what was gathered. */
  #takeBlock(rest: Uint8Array): { taken: number; block: Uint8Array | undefined } {
    if (this.#blockFilled === 0 && rest.length >= BLOCK) return { taken: BLOCK, block: rest.subarray(0, BLOCK) };
    const taken = Math.min(BLOCK - this.#blockFilled, rest.length);
    this.#block.set(rest.subarray(0, taken), this.#blockFilled);
    this.#blockFilled += taken;
    if (this.#blockFilled < BLOCK) return { taken, block: undefined };
    this.#blockFilled = 0;
    return { taken, block: this.#block };
  }

  #takeHeader(rest: Uint8Array): Step {
    this.#entry = undefined;
    const { taken, block } = this.#takeBlock(rest);
    if (!block) return { taken };
    const offset = this.#offset + taken - BLOCK;
    if (block[0] === 0 && isZeroBlock(block)) return this.#takeZeroBlock(taken);
    if (this.#state.kind === "ending") throw this.#error("one block of zeros, then more: not the end of an archive");
    return { taken, ...this.#startMember(decodeHeader(block, offset), block, offset) };
  }

  /** Has an extended header been read whose entry has not come yet? */
  #isExtended(): boolean {
    return this.#pax !== NO_RECORDS || this.#longName !== undefined || this.#longLink !== undefined;
  }

  #takeZeroBlock(taken: number): Step {
    if (this.#isExtended()) throw this.#error("an extended header with no entry after it");
    this.#state = { kind: this.#state.kind === "ending" ? "ended" : "ending" };
    return { taken };
  }

  #startMember(header: Header, block: Uint8Array, offset: number): { event?: TarEvent; done?: boolean } {
    const use = EXTENSIONS[header.typeflag];
    if (use === "skip") this.#skip(header.size, false);
    else if (use) this.#startExtension(use, header, offset);
    else return this.#startEntry(header, block, offset);
    return {};
  }

  #startExtension(use: ExtensionUse, header: Header, offset: number): void {
    if (header.size === 0 || header.size > LARGEST_EXTENSION)
      throw new TarError(`a ${use} header of ${header.size} bytes`, offset);
    // Readers disagree on which of two counts.
    if (
      (use === "pax" && this.#pax !== NO_RECORDS) ||
      (use === "long name" && this.#longName) ||
      (use === "long link" && this.#longLink)
    )
      throw new TarError(`a second ${use} header for one entry`, offset);
    this.#state = { kind: "extension", use, body: new Uint8Array(header.size), filled: 0 };
  }

  #takeExtension(state: State & { kind: "extension" }, rest: Uint8Array): Step {
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
    else if (use === "pax") this.#pax = decodePax(body, offset);
    else this.#global = new Map([...this.#global, ...globalRecords(body, offset)]);
  }

  #startEntry(header: Header, block: Uint8Array, offset: number): { event: TarEvent; done?: boolean } {
    const map = header.typeflag === "S" ? new OldGnuMap(block, offset) : undefined;
    const member = this.#memberOf(header, offset, map?.size);
    this.#entry = member.entry.name;
    const event: TarEvent = { kind: "entry", entry: member.entry };
    return { event, done: this.#startContent(member, map, offset) };
  }

  #memberOf(header: Header, offset: number, sparseSize: number | undefined): Member {
    const pax = this.#global.size === 0 ? this.#pax : new Map([...this.#global, ...this.#pax]);
    const said = { pax, longName: this.#longName, longLink: this.#longLink };
    this.#pax = NO_RECORDS;
    this.#longName = undefined;
    this.#longLink = undefined;
    return memberOf(header, said, offset, sparseSize);
  }

  /** True when there is none. */
  #startContent({ entry, stored, sparse }: Member, old: OldGnuMap | undefined, offset: number): boolean {
    const size = entry.type === "file" ? entry.size : 0;
    if (entry.type === "directory" && stored > 0) {
      this.#skip(stored, true);
      return false;
    }
    if (old?.more) return this.#startMap(old, size, stored);
    if (sparse?.form === "content") return this.#startMap(new ContentMap(), size, storedAfterBlock(stored, offset));
    const numbers = old?.numbers ?? sparse?.numbers ?? [0, stored];
    return this.#startRegions(checkedRegions(numbers, size, stored, offset));
  }

  /** `stored` without the map's next block, when that is of the content. */
  #startMap(map: OldGnuMap | ContentMap, size: number, stored: number): boolean {
    this.#state = { kind: "map", map, size, stored };
    return false;
  }

  #takeMap(state: State & { kind: "map" }, rest: Uint8Array): Step {
    const { taken, block } = this.#takeBlock(rest);
    if (!block) return { taken };
    const { map, size } = state;
    if (!takeInto(map, block, this.#offset)) {
      if (map instanceof ContentMap) state.stored = storedAfterBlock(state.stored, this.#offset);
      return { taken };
    }
    const done = this.#startRegions(checkedRegions(map.numbers, size, state.stored, this.#offset));
    return { taken, done };
  }

  #startRegions(regions: Regions): boolean {
    const empty = regions.length === 0;
    this.#state = empty ? { kind: "header" } : { kind: "content", regions, at: 0, within: 0 };
    return empty;
  }

  #takeContent(state: State & { kind: "content" }, rest: Uint8Array): Step {
    const start = state.regions[state.at] ?? 0;
    const length = state.regions[state.at + 1] ?? 0;
    const bytes = rest.subarray(0, Math.min(length - state.within, rest.length));
    const event: TarEvent = { kind: "data", position: start + state.within, bytes };
    state.within += bytes.length;
    if (state.within < length) return { taken: bytes.length, event };
    state.at += 2;
    state.within = 0;
    const done = state.at === state.regions.length;
    if (done) this.#endMember(bytes.length);
    return { taken: bytes.length, event, done };
  }

  #skip(size: number, done: boolean): void {
    if (size > 0) this.#state = { kind: "skip", left: size, done };
  }

  #takeSkip(state: State & { kind: "skip" }, rest: Uint8Array): Step {
    const taken = Math.min(state.left, rest.length);
    state.left -= taken;
    if (state.left > 0) return { taken };
    this.#endMember(taken);
    return { taken, done: state.done };
  }

  /** The content ends after `taken` more bytes; the next header begins at a multiple of the block's size. */
  #endMember(taken: number): void {
    this.#padding = (BLOCK - ((this.#offset + taken) % BLOCK)) % BLOCK;
    this.#state = { kind: "header" };
  }

  #error(reason: string): TarError {
    return new TarError(reason, this.#offset, this.#entry && shownName(this.#entry));
  }
}

/** True once the map is complete. */
function takeInto(map: OldGnuMap | ContentMap, block: Uint8Array, offset: number): boolean {
  if (map instanceof ContentMap) return map.take(block, offset);
  map.take(block, offset);
  return !map.more;
}

/** A map for every file to come makes no sense, and readers would apply it to different ones. */
function globalRecords(body: Uint8Array, offset: number): PaxRecords {
  const records = decodePax(body, offset);
  for (const keyword of records.keys())
    if (keyword.startsWith("GNU.sparse.")) throw new TarError(`a global pax record ${keyword}`, offset);
  return records;
}

function cutAtNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
