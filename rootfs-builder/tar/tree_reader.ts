// A tree as the entries of an archive, for export and commit. Folders are opened from the root by openat2 with
// RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS and everything in them by one *at call on that descriptor, so whatever
// happens to the tree meanwhile, nothing outside of it is read. Folders come before what is in them, and names beside
// each other in the order of their bytes: the same tree gives the same archive.
import type { Fd } from "../../ffi/fd.ts";
import {
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  read,
  readdir,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "../../ffi/file.ts";
import { type FileStat, openBeneath, printable, readLink, S_IFIFO, statAt } from "../../ffi/path_at.ts";
import { fgetxattr, listxattr } from "../../ffi/xattr.ts";
import { RootfsError } from "../rootfs_error.ts";
import { pathText } from "./member_path.ts";
import { portableCapability, xattrInArchive } from "./overlay_xattrs.ts";
import { decodeOverrideStat, OVERRIDE_STAT, type OverrideStat } from "./override_stat.ts";
import { NO_XATTRS, type Xattrs } from "./pax_xattrs.ts";
import { isOpaque, isWhiteout, OPAQUE_NAME, whiteoutName } from "./whiteout.ts";
import type { WriterEntry } from "./writer.ts";

export type TreeReaderOptions = {
  /** `overlay`: the tree is the upper folder of an overlay, whose whiteouts become those of the OCI image spec. */
  readonly whiteouts?: "plain" | "overlay" | undefined;
  /** Whose everything without a record (override_stat.ts) is; as on disk by default. */
  readonly owner?: Owner | undefined;
  /** Folders of layers under `root`, the topmost first: all of them as overlayfs shows them, without whiteouts. */
  readonly below?: readonly number[] | undefined;
};

type Owner = { readonly uid: number; readonly gid: number };

/** `roots` are those that have the folder, the topmost first; a name is shown as the first of its own has it. */
type Named = { readonly name: Uint8Array; readonly roots: readonly number[] };
type Folder = { readonly path: Uint8Array; readonly names: readonly Named[]; next: number };
type Common = Pick<WriterEntry, "name" | "mode" | "uid" | "gid" | "mtime" | "xattrs">;

const CHUNK = 1 << 20;
const SLASH = new Uint8Array([0x2f]);
const EMPTY = new Uint8Array();
const S_IFBLK = 0o060000;
const RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

/**
 * All below `root`, a descriptor of a folder, itself first. A file's content must be read before the next entry is asked
 * for. Sockets are left out. Throws SyscallError for what cannot be read, {@link RootfsError} for a file that changes.
 */
export function* readTree(root: number, options: TreeReaderOptions = {}): Generator<WriterEntry, void, void> {
  yield* new TreeReader(root, options).entries();
}

class TreeReader {
  readonly #roots: readonly number[];
  readonly #merged: boolean;
  readonly #overlay: boolean;
  readonly #owner: Owner | undefined;
  /** Identity of a file with several names → the first of them. */
  readonly #linked = new Map<string, Uint8Array>();

  constructor(root: number, { whiteouts = "plain", owner, below }: TreeReaderOptions) {
    this.#roots = [root, ...(below ?? [])];
    this.#merged = below !== undefined;
    this.#owner = owner;
    this.#overlay = whiteouts === "overlay";
  }

  *entries(): Generator<WriterEntry, void, void> {
    const stack: Folder[] = [];
    yield* this.#enter(EMPTY, this.#roots, stack);
    for (let folder = stack.at(-1); folder; folder = stack.at(-1)) {
      using open = new OpenFolders((root) => this.#openFolder(root, folder.path));
      yield* this.#goOn(folder, open, stack);
    }
  }

  /** The folder's own entry; its names go onto the stack. */
  *#enter(path: Uint8Array, roots: readonly number[], stack: Folder[]): Generator<WriterEntry, void, void> {
    using fd = this.#openFolder(roots[0] ?? 0, path);
    const found = present(statAt(fd.number, EMPTY), path);
    const common = commonOf(fd.number, path, found, this.#owner);
    yield { type: "directory", ...common };
    stack.push({ path, names: this.#namesIn(path, roots), next: 0 });
    // Before all others of the folder, so that a reader knows before it makes them.
    if (this.#overlay && isOpaque(fd.number)) yield whiteout({ ...common, name: joined(path, OPAQUE_NAME) });
  }

  /** Entries up to the next folder below, or to the end. */
  *#goOn(folder: Folder, open: OpenFolders, stack: Folder[]): Generator<WriterEntry, void, void> {
    for (let named = folder.names[folder.next++]; named; named = folder.names[folder.next++]) {
      const { name, roots } = named;
      const path = joined(folder.path, name);
      const fd = open.of(roots[0] ?? 0);
      const found = present(statAt(fd, name), path);
      if ((found.mode & S_IFMT) === S_IFDIR) return yield* this.#enter(path, roots, stack);
      yield* this.#entry(fd, name, path, found);
    }
    stack.pop();
  }

  #namesIn(path: Uint8Array, roots: readonly number[]): readonly Named[] {
    const found = new Map<string, Merging>();
    for (const root of roots) {
      using fd = this.#openFolder(root, path);
      for (const { name } of readdir(fd.number, printable(path))) {
        const merging = found.get(pathText(name)) ?? { name, roots: [], hidden: false };
        found.set(pathText(name), merging);
        if (this.#merged) this.#merge(merging, root, fd.number, path);
        else merging.roots.push(root);
      }
    }
    const names = [...found.values()].filter(({ roots }) => roots.length > 0);
    return names.sort((a, b) => Buffer.compare(a.name, b.name));
  }

  /** What a layer has of a name: folders go together until one is opaque, and whatever else is there hides all below. */
  #merge(merging: Merging, root: number, at: number, parent: Uint8Array): void {
    const { name, roots, hidden } = merging;
    if (hidden) return;
    const path = joined(parent, name);
    const found = present(statAt(at, name), path);
    const isFolder = (found.mode & S_IFMT) === S_IFDIR;
    if (roots.length === 0 ? !isWhiteout(at, name, found) : isFolder) roots.push(root);
    if (!isFolder) merging.hidden = true;
    else {
      using folder = this.#openFolder(root, path);
      merging.hidden = isOpaque(folder.number);
    }
  }

  *#entry(at: number, name: Uint8Array, path: Uint8Array, found: FileStat): Generator<WriterEntry, void, void> {
    const common: Common = { name: path, ...ownerOf(found, this.#owner), mtime: found.mtime, xattrs: NO_XATTRS };
    const first = this.#linked.get(found.identity);
    if (first) return yield { type: "hardlink", linkname: first, ...common };
    const type = found.mode & S_IFMT;
    if (this.#overlay && isWhiteout(at, name, found)) {
      const parent = path.subarray(0, path.length - name.length);
      return yield whiteout({ ...common, name: joined(parent, whiteoutName(name)) });
    }
    if (found.links > 1) this.#linked.set(found.identity, path);
    if (type === S_IFREG) return yield* this.#file(at, name, path);
    if (type === S_IFLNK) yield { type: "symlink", linkname: readLink(at, name), ...common };
    else if (type === S_IFIFO) yield { type: "fifo", ...common };
    else if (type === S_IFCHR || type === S_IFBLK)
      yield { type: type === S_IFCHR ? "character" : "block", ...deviceOf(found), ...common };
  }

  /** Stat and attributes are those of the file that is open, whatever has the name by now. */
  *#file(at: number, name: Uint8Array, path: Uint8Array): Generator<WriterEntry, void, void> {
    const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
    using fd = openBeneath(at, name, flags, 0, RESOLVE) ?? missing(path);
    const found = present(statAt(fd.number, EMPTY), path);
    if ((found.mode & S_IFMT) !== S_IFREG) throw changed(path);
    const { device, ...common } = commonOf(fd.number, path, found, this.#owner);
    if (device) yield { ...device, ...common };
    else yield { type: "file", size: found.size, content: contentOf(fd.number, path, found.size), ...common };
  }

  #openFolder(root: number, path: Uint8Array): Fd {
    const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    return openBeneath(root, path.length > 0 ? path : DOT, flags, 0, RESOLVE) ?? missing(path);
  }
}

/** `hidden`: what layers further down have of the name is not seen. */
type Merging = { readonly name: Uint8Array; readonly roots: number[]; hidden: boolean };

/** One folder in the layers that have it, each opened when it is first needed. */
class OpenFolders implements Disposable {
  readonly #open: (root: number) => Fd;
  readonly #fds = new Map<number, Fd>();

  constructor(open: (root: number) => Fd) {
    this.#open = open;
  }

  of(root: number): number {
    const fd = this.#fds.get(root) ?? this.#open(root);
    this.#fds.set(root, fd);
    return fd.number;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.values()) fd.close();
  }
}

const DOT = new Uint8Array([0x2e]);

function commonOf(
  fd: number,
  name: Uint8Array,
  found: FileStat,
  owner: Owner | undefined,
): Common & Pick<OverrideStat, "device"> {
  const shown = printable(name);
  const names = listxattr(fd, shown);
  const recorded = names.includes(OVERRIDE_STAT) ? decodeOverrideStat(fgetxattr(fd, shown, OVERRIDE_STAT)) : undefined;
  const xattrs = names.length === 0 ? NO_XATTRS : xattrsOf(fd, shown, names);
  return { name, mtime: found.mtime, xattrs, ...(recorded ?? ownerOf(found, owner)) };
}

function ownerOf({ uid, gid, mode }: FileStat, owner = { uid, gid }): Owner & Pick<WriterEntry, "mode"> {
  return { ...owner, mode: mode & 0o7777 };
}

function deviceOf({ deviceMajor, deviceMinor }: FileStat): { readonly major: number; readonly minor: number } {
  return { major: deviceMajor, minor: deviceMinor };
}

function xattrsOf(fd: number, shown: string, names: readonly string[]): Xattrs {
  const found = new Map<string, Uint8Array>();
  for (const name of names.toSorted()) {
    const archived = xattrInArchive(name);
    if (archived !== undefined) found.set(archived, portableCapability(fgetxattr(fd, shown, name)));
  }
  return found;
}

/** An OCI whiteout: an empty file whose name says it all. */
function whiteout({ name, uid, gid, mtime }: Common): WriterEntry {
  return { type: "file", size: 0, content: [], name, uid, gid, mtime, mode: 0, xattrs: NO_XATTRS };
}

function* contentOf(fd: number, path: Uint8Array, size: number): Generator<Uint8Array, void, void> {
  for (let left = size; left > 0; ) {
    const chunk = new Uint8Array(Math.min(CHUNK, left));
    const length = read(fd, printable(path), chunk);
    if (length === 0) throw changed(path);
    left -= length;
    yield chunk.subarray(0, length);
  }
}

function joined(parent: Uint8Array, name: Uint8Array): Uint8Array {
  const slash = parent.length === 0 || parent.at(-1) === 0x2f ? EMPTY : SLASH;
  return new Uint8Array(Buffer.concat([parent, slash, name]));
}

function present(found: FileStat | undefined, path: Uint8Array): FileStat {
  return found ?? missing(path);
}

function missing(path: Uint8Array): never {
  throw changed(path);
}

function changed(path: Uint8Array): RootfsError {
  return new RootfsError("read", printable(path), "it changed while it was being read", "Stop what writes to the tree");
}
