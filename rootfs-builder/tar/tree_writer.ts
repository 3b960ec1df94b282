// Entries become a tree below one open folder. The archive is hostile: a symbolic link that it made a moment ago may lie
// on the way to the next entry. So the folder that an entry goes into is opened by openat2 with RESOLVE_IN_ROOT, where
// an absolute link and `..` lead nowhere but into this root, and the entry itself is made by one *at call on that
// descriptor, none of which follows a link in the last component.
//
// Folders are writable to us until the end: modes and times are set last, the deepest first, each by its path without
// links, which the writer knows from having made every folder itself.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import {
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  S_IFDIR,
  S_IFMT,
} from "../../ffi/file.ts";
import {
  changeMode,
  changeOpenMode,
  createFile,
  fileModeMask,
  identify,
  makeDirectory,
  makeFifo,
  makeLink,
  makeSymlink,
  openBeneath,
  printable,
  removeName,
} from "../../ffi/path_at.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { hasXattr } from "../../ffi/xattr.ts";
import { AttributeWriter, type Ownership } from "./attributes.ts";
import { FileWriter } from "./file_writer.ts";
import { FolderList, type ListedFolder } from "./folder_list.ts";
import { LONGEST_PATH, memberPath, pathBytes, pathText } from "./member_path.ts";
import type { TarEntry } from "./tar_entry.ts";
import { TarError } from "./tar_error.ts";
import { whiteoutOf } from "./whiteout.ts";
import { WhiteoutMarks } from "./whiteout_marks.ts";

export type TreeWriterOptions = {
  readonly ownership: Ownership;
  /** `plain`: names that begin with `.wh.` are names. `overlay`: they are whiteouts, made as overlayfs has them. */
  readonly whiteouts: "plain" | "overlay";
  /** Longest name, in bytes. */
  readonly path: number;
};

type Folder = { readonly fd: number; readonly path: string };
type Place = { readonly folder: Folder; readonly name: Uint8Array };
type OpenFolder = {
  readonly fd: Fd;
  readonly folder: Folder;
  /** As the archive spells it; `undefined` once that may lead elsewhere. */
  spelled: string | undefined;
  /** What a name began with, up to and with the slash, that led here; empty where none has. */
  prefix: Uint8Array;
};

/** Folders. What setting one leaves behind piles up in a loop that nothing interrupts. */
const COLLECT_EVERY = 4096;
/** Permission bits. */
const ALL = 0o777;
const WORKING_MODE = 0o700;
/** Of folders that no entry names. */
const IMPLIED_MODE = 0o755;
const EMPTY = new Uint8Array();
const SLASH = 0x2f;
const DOT = 0x2e;
export const DEFAULT_TREE: TreeWriterOptions = { ownership: "ignore", whiteouts: "plain", path: LONGEST_PATH };

/** Failures that the archive has brought about, and what they mean there. Any other is the machine's. */
const ARCHIVE_FAULTS: Readonly<Record<number, string>> = {
  [ERRNO.ENOTDIR]: "it lies below something that is not a folder",
  [ERRNO.ELOOP]: "its path runs through too many symbolic links",
  [ERRNO.ENAMETOOLONG]: "its name is longer than this file system takes",
  [ERRNO.ENOTEMPTY]: "a folder that is not empty is in its place",
  [ERRNO.EILSEQ]: "its name is not valid on this file system",
};

export class TreeWriter implements Disposable {
  readonly attributes: AttributeWriter;
  readonly #options: TreeWriterOptions;
  readonly #root: Folder;
  /** Permission bits that a file does not get at its creation; all where the root hands a default access control list down (acl(5)). */
  readonly #mask: number;
  readonly #marks = new WhiteoutMarks();
  readonly #file = new FileWriter();
  readonly #folders = new FolderList();
  readonly #rootIdentity: string;
  /** The folder opened last, for the next entry is mostly beside the last one. */
  #last: OpenFolder | undefined;

  /** `root`: a descriptor of an empty folder, open for reading, which the caller keeps. */
  constructor(root: number, options: TreeWriterOptions = DEFAULT_TREE) {
    this.#options = options;
    this.attributes = new AttributeWriter(options.ownership);
    this.#root = { fd: root, path: "" };
    this.#mask = hasXattr(root, "system.posix_acl_default") ? ALL : fileModeMask();
    this.#rootIdentity = identify(root, EMPTY)?.identity ?? "";
    this.#folders.register("", this.#rootIdentity, undefined);
  }

  /** Makes the entry. Throws {@link TarError} for what the archive is to blame for, SyscallError for the rest. */
  begin(entry: TarEntry): void {
    try {
      this.#make(entry);
    } catch (error) {
      throw blame(error, entry);
    }
  }

  /** Content of the file begun last, at `position` in it. */
  write(bytes: Uint8Array, position: number): void {
    this.#file.write(bytes, position);
  }

  /** No more content. Attributes come after it: a write clears setuid and capabilities. */
  done(): void {
    this.#file.end(this.attributes);
  }

  /** Makes whiteouts, then sets what folders are to have. */
  finish(): void {
    this.#marks.make((path, within) => {
      using fd = this.#openExactly(path);
      within(fd.number);
    });
    let uncollected = 0;
    for (const folder of this.#folders.deepestFirst()) {
      this.#setFolder(folder);
      if (++uncollected % COLLECT_EVERY === 0) Bun.gc(true);
    }
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
    this.#last?.fd.close();
  }

  #make(entry: TarEntry): void {
    const place = this.#placeBeside(entry.name) ?? this.#placeOf(entry);
    if (!place) return;
    switch (entry.type) {
      case "directory":
        return this.#makeFolder(place, entry);
      case "file":
        return this.#makeFile(place, entry);
      case "symlink":
        return this.#makeSymlink(place, entry, entry.linkname);
      case "hardlink":
        return this.#makeHardlink(place, entry, entry.linkname);
      case "fifo":
        return this.#makeFifo(place, entry);
      case "character":
      case "block":
        return;
    }
  }

  /** Where the name only differs in its last component from the one before: no text is made of it. */
  #placeBeside(name: Uint8Array): Place | undefined {
    if (this.#last?.spelled === undefined || name.length > this.#options.path) return undefined;
    const { prefix, folder } = this.#last;
    // What begins with a dot may be a whiteout, or lead elsewhere.
    if (prefix.length === 0 || name.length <= prefix.length || name[prefix.length] === DOT) return undefined;
    for (let at = prefix.length - 1; at >= 0; at--) if (name[at] !== prefix[at]) return undefined;
    const end = name.at(-1) === SLASH ? name.length - 1 : name.length;
    const last = name.subarray(prefix.length, end);
    return last.length === 0 || last.includes(SLASH) ? undefined : { folder, name: last };
  }

  /** `undefined` when nothing is to be made there. */
  #placeOf(entry: TarEntry): Place | undefined {
    const components = memberPath(entry.name, entry.offset, this.#options.path);
    if (this.#options.whiteouts === "overlay" && this.#isWhiteout(components, entry)) return undefined;
    const last = components.at(-1);
    if (last === undefined) this.#makeRoot(entry);
    if (last === undefined || entry.type === "character" || entry.type === "block") return undefined;
    const folder = this.#openFolder(components.slice(0, -1), entry);
    if (this.#last?.folder === folder) this.#last.prefix = prefixOf(entry.name, last);
    return { folder, name: pathBytes(last) };
  }

  #isWhiteout(components: readonly string[], entry: TarEntry): boolean {
    const whiteout = whiteoutOf(components);
    if (whiteout.kind === "none" || whiteout.kind === "ignored") return whiteout.kind === "ignored";
    if (whiteout.kind === "refused")
      throw new TarError("a whiteout of a name that nothing can have", entry.offset, text(entry));
    const { path } = this.#openFolder(components.slice(0, -1), entry);
    if (whiteout.kind === "opaque") this.#marks.hideAll(path);
    else this.#marks.hide(path, whiteout.name);
    return true;
  }

  #makeRoot(entry: TarEntry): void {
    if (entry.type !== "directory") throw new TarError("only a folder can be the root", entry.offset, text(entry));
    this.#folders.register("", this.#rootIdentity, entry);
  }

  /** A folder that is there stays, with all that is in it. */
  #makeFolder({ folder, name }: Place, entry: TarEntry): void {
    const made = makeDirectory(folder.fd, name, WORKING_MODE);
    const there = identify(folder.fd, name);
    const stays = made || (there !== undefined && (there.mode & S_IFMT) === S_IFDIR);
    if (!stays) this.#replacing(folder, name, () => makeDirectory(folder.fd, name, WORKING_MODE));
    const identity = (stays ? there : identify(folder.fd, name))?.identity ?? "";
    this.#folders.register(`${folder.path}/${pathText(name)}`, identity, entry);
  }

  #makeFile({ folder, name }: Place, entry: TarEntry): void {
    const hasMode = (entry.mode & this.#mask) === 0 && this.attributes.isMode(entry);
    this.#replacing(folder, name, () => {
      const fd = createFile(folder.fd, name, hasMode ? entry.mode : 0o600);
      if (fd) this.#file.begin(fd, entry, hasMode);
      return fd !== undefined;
    });
  }

  #makeSymlink({ folder, name }: Place, entry: TarEntry, target: Uint8Array): void {
    this.#replacing(folder, name, () => makeSymlink(target, folder.fd, name));
    this.attributes.setNamed(folder.fd, name, entry);
  }

  #makeFifo({ folder, name }: Place, entry: TarEntry): void {
    this.#replacing(folder, name, () => makeFifo(folder.fd, name, 0o600));
    this.attributes.setNamed(folder.fd, name, entry);
    // After chown, which clears setuid; changes no mtime.
    changeMode(folder.fd, name, entry.mode);
  }

  /** The target is a name in the archive: resolved from the root, and a link in its last component is linked itself. */
  #makeHardlink({ folder, name }: Place, entry: TarEntry, linkname: Uint8Array): void {
    const components = memberPath(linkname, entry.offset);
    using from = this.#open(components.slice(0, -1).join("/"), O_PATH);
    const target = pathBytes(components.at(-1) ?? "");
    const found = from && target.length > 0 ? identify(from.number, target) : undefined;
    if (!from || !found) throw new TarError("the hard link's target is not there", entry.offset, text(entry));
    if ((found.mode & S_IFMT) === S_IFDIR)
      throw new TarError("the hard link's target is a folder", entry.offset, text(entry));
    if (identify(folder.fd, name)?.identity === found.identity) return;
    this.#replacing(folder, name, () => makeLink(from.number, target, folder.fd, name));
  }

  /** Runs `make`; when the name is taken, removes what is there (a folder only when empty, as GNU tar does) and runs it again. */
  #replacing(folder: Folder, name: Uint8Array, make: () => boolean): void {
    if (make()) return;
    this.#remove(folder, name);
    if (!make()) throw new SyscallError("open", printable(name), ERRNO.EEXIST);
  }

  #remove(folder: Folder, name: Uint8Array): void {
    const there = identify(folder.fd, name);
    const isFolder = there !== undefined && (there.mode & S_IFMT) === S_IFDIR;
    removeName(folder.fd, name, isFolder ? "directory" : "file");
    const path = isFolder ? this.#folders.pathOf(there.identity) : undefined;
    if (isFolder && path !== undefined) {
      this.#folders.remove(there.identity);
      this.#marks.forget(path);
    }
    // What went may have been a link on the way to the folder that is open.
    if (this.#last) this.#last.spelled = undefined;
  }

  /** The folder of that spelling, through links inside the root; made, with its parents, where it is missing. */
  #openFolder(components: readonly string[], entry: TarEntry): Folder {
    const spelled = components.join("/");
    if (spelled === "") return this.#root;
    if (this.#last?.spelled === spelled) return this.#last.folder;
    const fd = this.#open(spelled, O_PATH) ?? this.#makeImplied(components, spelled, entry);
    const identity = identify(fd.number, EMPTY)?.identity ?? "";
    const folder = { fd: fd.number, path: this.#folders.pathOf(identity) ?? `/${spelled}` };
    this.#last?.fd.close();
    this.#last = { fd, folder, spelled, prefix: EMPTY };
    return folder;
  }

  #makeImplied(components: readonly string[], spelled: string, entry: TarEntry): Fd {
    const parent = this.#openFolder(components.slice(0, -1), entry);
    const last = components.at(-1) ?? "";
    if (!makeDirectory(parent.fd, pathBytes(last), WORKING_MODE))
      throw new TarError("it lies below a symbolic link that leads nowhere", entry.offset, text(entry));
    const identity = identify(parent.fd, pathBytes(last))?.identity ?? "";
    this.#folders.register(`${parent.path}/${last}`, identity, undefined);
    const fd = this.#open(spelled, O_PATH);
    if (!fd) throw new SyscallError("openat2", text(entry), ERRNO.ENOENT);
    return fd;
  }

  #open(spelled: string, access: number): Fd | undefined {
    const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return openBeneath(this.#root.fd, pathBytes(spelled || "."), access | O_DIRECTORY, 0, resolve);
  }

  #setFolder({ path, attributes }: ListedFolder): void {
    using fd = this.#openExactly(path);
    this.#marks.mark(fd.number, path);
    if (attributes) this.attributes.setOpen(fd.number, attributes);
    else changeOpenMode(fd.number, pathBytes(path), IMPLIED_MODE);
  }

  /** A folder by its path without links. */
  #openExactly(path: string): Fd {
    const name = pathBytes(path.slice(1) || ".");
    const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    const fd = openBeneath(this.#root.fd, name, flags, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    if (!fd) throw new SyscallError("openat2", printable(name), ERRNO.ENOENT);
    return fd;
  }
}

/** What stands before `last` in the name; empty where `last` is not what it ends in, as in `a/b/.`. */
function prefixOf(name: Uint8Array, last: string): Uint8Array {
  let end = name.length;
  while (end > 0 && name[end - 1] === SLASH) end--;
  const start = end - last.length;
  return start > 0 && name[start - 1] === SLASH && pathText(name.subarray(start, end)) === last
    ? name.slice(0, start)
    : EMPTY;
}

function blame(error: unknown, entry: TarEntry): unknown {
  const reason = error instanceof SyscallError ? ARCHIVE_FAULTS[error.errno] : undefined;
  return reason === undefined ? error : new TarError(reason, entry.offset, text(entry));
}

function text(entry: TarEntry): string {
  return printable(entry.name);
}
