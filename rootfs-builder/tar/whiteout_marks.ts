// Whiteouts of one layer while it is unpacked. They take from the layers below only, in whatever order entries come
// (OCI image spec, layer.md), so they are made at the end, when it is known what the layer itself has: a name that it has
// too is no whiteout but, where a folder, an opaque one; and where all is hidden already nothing more is needed. Overlayfs
// would show a whiteout in an opaque folder as a device.

import { S_IFDIR, S_IFMT } from "../../ffi/file.ts";
import { createFile, identify, makeWhiteout, printable } from "../../ffi/path_at.ts";
import { setMark } from "./attributes.ts";
import { pathBytes } from "./member_path.ts";
import { OPAQUE_XATTR, WHITEOUT_XATTR } from "./whiteout.ts";

const HIDES_ALL = new Uint8Array([0x79]);
const HAS_WHITEOUTS = new Uint8Array([0x78]);
const EMPTY = new Uint8Array();

/** Paths are those of the tree writer: without links, each component after a slash. */
export class WhiteoutMarks {
  readonly #opaque = new Set<string>();
  readonly #names = new Map<string, Set<string>>();
  /** Folders with whiteouts that are files with an attribute. */
  readonly #files = new Set<string>();
  readonly #makeDevice: typeof makeWhiteout;

  /** `makeDevice`: returns `undefined` where there can be no such device. */
  constructor(makeDevice: typeof makeWhiteout = makeWhiteout) {
    this.#makeDevice = makeDevice;
  }

  hideAll(path: string): void {
    this.#opaque.add(path);
  }

  hide(path: string, name: string): void {
    const names = this.#names.get(path) ?? new Set();
    this.#names.set(path, names.add(name));
  }

  /** The folder has gone: another one at its place starts anew. */
  forget(path: string): void {
    this.#opaque.delete(path);
    this.#names.delete(path);
  }

  /** Makes the whiteouts; `open` runs with a descriptor of the folder. */
  make(open: (path: string, within: (fd: number) => void) => void): void {
    for (const [path, names] of this.#names)
      if (!this.#isHidden(path)) open(path, (fd) => this.#makeIn(fd, path, names));
  }

  /** Marks the folder for overlayfs, once all are made. */
  mark(fd: number, path: string): void {
    if (this.#opaque.has(path)) setMark(fd, printable(pathBytes(path)), OPAQUE_XATTR, HIDES_ALL);
    else if (this.#files.has(path)) setMark(fd, printable(pathBytes(path)), OPAQUE_XATTR, HAS_WHITEOUTS);
  }

  #makeIn(fd: number, path: string, names: ReadonlySet<string>): void {
    for (const name of names) {
      const there = identify(fd, pathBytes(name));
      if (!there) this.#makeOne(fd, path, pathBytes(name));
      else if ((there.mode & S_IFMT) === S_IFDIR) this.#opaque.add(`${path}/${name}`);
    }
  }

  #makeOne(fd: number, path: string, name: Uint8Array): void {
    if (this.#makeDevice(fd, name) !== undefined) return;
    using file = createFile(fd, name, 0o600);
    if (!file) return;
    setMark(file.number, printable(name), WHITEOUT_XATTR, EMPTY);
    this.#files.add(path);
  }

  /** By itself or by a folder above. */
  #isHidden(path: string): boolean {
    if (this.#opaque.size === 0) return false;
    for (let above = path; ; above = above.slice(0, above.lastIndexOf("/"))) {
      if (this.#opaque.has(above)) return true;
      if (above === "") return false;
    }
  }
}
