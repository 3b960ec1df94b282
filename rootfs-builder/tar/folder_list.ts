// The folders that an archive has made, and what each is to get in the end. They are kept until then, all of them, so each takes
// a few words here: the entries themselves, of an archive with a hundred thousand folders, would be most of the memory of an extraction.
import type { Attributes } from "./attributes.ts";
import { pathBytes } from "./member_path.ts";
import type { Xattrs } from "./pax_xattrs.ts";

/** Its path without links, `/`-separated with a leading one, empty for the root; `undefined` attributes where no entry names it. */
export type ListedFolder = { readonly path: string; readonly attributes: Attributes | undefined };

const WORDS = 5;
const [MODE, UID, GID, OFFSET, NAMED] = [0, 1, 2, 3, 4];
const NO_XATTRS: Xattrs = new Map();

export class FolderList {
  /** A folder's identity → its index. */
  readonly #indexes = new Map<string, number>();
  /** `undefined` where the folder is gone. */
  readonly #paths: (string | undefined)[] = [];
  readonly #xattrs = new Map<number, Xattrs>();
  #words = new Float64Array(WORDS);
  #mtimes = new BigInt64Array(1);

  /** `undefined` where no folder of that identity was registered, or it is gone. */
  pathOf(identity: string): string | undefined {
    const index = this.#indexes.get(identity);
    return index === undefined ? undefined : this.#paths[index];
  }

  /** A folder made or named again. An identity may be that of one that is gone. */
  register(path: string, identity: string, attributes: Attributes | undefined): void {
    const known = this.#indexes.get(identity);
    const index = known ?? this.#paths.length;
    if (known === undefined) this.#indexes.set(identity, index);
    this.#paths[index] = path;
    this.#reserve(index);
    this.#set(index, attributes);
  }

  remove(identity: string): void {
    const index = this.#indexes.get(identity);
    if (index !== undefined) this.#paths[index] = undefined;
  }

  /** A folder comes before the one that it lies in: a longer path is never an ancestor of a shorter one. */
  *deepestFirst(): Generator<ListedFolder, void, void> {
    const length = (index: number): number => this.#paths[index]?.length ?? -1;
    const order = Uint32Array.from(this.#paths.keys()).sort((a, b) => length(b) - length(a));
    for (const index of order) {
      const path = this.#paths[index];
      if (path !== undefined) yield { path, attributes: this.#attributes(index, path) };
    }
  }

  #set(index: number, attributes: Attributes | undefined): void {
    const at = index * WORDS;
    this.#xattrs.delete(index);
    this.#words[at + NAMED] = attributes ? 1 : 0;
    if (!attributes) return;
    const { mode, uid, gid, offset, mtime, xattrs } = attributes;
    this.#words.set([mode, uid, gid, offset], at);
    this.#mtimes[index] = mtime;
    if (xattrs.size > 0) this.#xattrs.set(index, xattrs);
  }

  #attributes(index: number, path: string): Attributes | undefined {
    const word = (name: number): number => this.#words[index * WORDS + name] ?? 0;
    if (word(NAMED) === 0) return undefined;
    return {
      name: pathBytes(path.slice(1)),
      mode: word(MODE),
      uid: word(UID),
      gid: word(GID),
      offset: word(OFFSET),
      mtime: this.#mtimes[index] ?? 0n,
      xattrs: this.#xattrs.get(index) ?? NO_XATTRS,
    };
  }

  #reserve(index: number): void {
    if (index < this.#mtimes.length) return;
    const [words, mtimes] = [this.#words, this.#mtimes];
    this.#words = new Float64Array(words.length * 2);
    this.#words.set(words);
    this.#mtimes = new BigInt64Array(mtimes.length * 2);
    this.#mtimes.set(mtimes);
  }
}
