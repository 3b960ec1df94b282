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
  writeAll,
} from "../../ffi/file.ts";
import {
  changeMode,
  changeOpenMode,
  changeTimes,
  createFile,
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
import { memberPath, pathBytes } from "./member_path.ts";
import type { TarEntry } from "./tar_entry.ts";
import { TarError } from "./tar_error.ts";

type Folder = { readonly fd: number; readonly path: string };
type Attributes = { readonly mode: number; readonly mtime: bigint | undefined };
type Place = { readonly folder: Folder; readonly name: Uint8Array };

const WORKING_MODE = 0o700;
/** Of folders that no entry names. */
const IMPLIED: Attributes = { mode: 0o755, mtime: undefined };
const EMPTY = new Uint8Array();

/** Failures that the archive has brought about, and what they mean there. Any other is the machine's. */
const ARCHIVE_FAULTS: Readonly<Record<number, string>> = {
  [ERRNO.ENOTDIR]: "it lies below something that is not a folder",
  [ERRNO.ELOOP]: "its path runs through too many symbolic links",
  [ERRNO.ENAMETOOLONG]: "its name is longer than this file system takes",
  [ERRNO.ENOTEMPTY]: "a folder that is not empty is in its place",
  [ERRNO.EILSEQ]: "its name is not valid on this file system",
};

export class TreeWriter implements Disposable {
  readonly #root: Folder;
  /** Path without links → what its folder gets in the end. */
  readonly #folders = new Map<string, Attributes>();
  /** A folder's identity → its path without links. */
  readonly #paths = new Map<string, string>();
  /** The folder opened last, for the next entry is mostly beside the last one. */
  #last: { readonly fd: Fd; readonly folder: Folder; spelled: string | undefined } | undefined;
  #file: { readonly fd: Fd; readonly entry: TarEntry } | undefined;

  /** `root`: a descriptor of an empty folder, open for reading, which the caller keeps. */
  constructor(root: number) {
    this.#root = { fd: root, path: "" };
    this.#register("", identify(root, EMPTY)?.identity ?? "", IMPLIED);
  }

  /** Makes the entry. Throws {@link TarError} for what the archive is to blame for, SyscallError for the rest. */
  begin(entry: TarEntry): void {
    try {
      this.#make(entry);
    } catch (error) {
      throw blame(error, entry);
    }
  }

  /** Content of the file begun last. */
  write(bytes: Uint8Array): void {
    if (this.#file) writeAll(this.#file.fd.number, printable(this.#file.entry.name), bytes);
  }

  /** No more content. The mode comes after it: a write by another than root clears setuid. */
  done(): void {
    if (!this.#file) return;
    using fd = this.#file.fd;
    const { name, mode, mtime } = this.#file.entry;
    this.#file = undefined;
    changeOpenMode(fd.number, printable(name), mode);
    changeTimes(fd.number, undefined, printable(name), mtime);
  }

  /** Sets modes and times of all folders. A longer path is never an ancestor of a shorter one. */
  finish(): void {
    const deepestFirst = [...this.#folders].sort(([a], [b]) => b.length - a.length);
    for (const [path, attributes] of deepestFirst) this.#setFolder(path, attributes);
  }

  [Symbol.dispose](): void {
    this.#file?.fd.close();
    this.#last?.fd.close();
  }

  #make(entry: TarEntry): void {
    const components = memberPath(entry.name, entry.offset);
    const last = components.at(-1);
    if (last === undefined) return this.#makeRoot(entry);
    if (entry.type === "character" || entry.type === "block") return;
    const place = { folder: this.#openFolder(components.slice(0, -1), entry), name: pathBytes(last) };
    switch (entry.type) {
      case "directory":
        return this.#makeFolder(place, last, entry);
      case "file":
        return this.#makeFile(place, entry);
      case "symlink":
        return this.#makeSymlink(place, entry, entry.linkname);
      case "hardlink":
        return this.#makeHardlink(place, entry, entry.linkname);
      case "fifo":
        return this.#makeFifo(place, entry);
    }
  }

  #makeRoot(entry: TarEntry): void {
    if (entry.type !== "directory") throw new TarError("only a folder can be the root", entry.offset, text(entry));
    this.#folders.set("", entry);
  }

  #makeFolder({ folder, name }: Place, last: string, entry: TarEntry): void {
    const there = identify(folder.fd, name);
    if (!there || (there.mode & S_IFMT) !== S_IFDIR)
      this.#replacing(folder, name, () => makeDirectory(folder.fd, name, WORKING_MODE));
    const path = `${folder.path}/${last}`;
    this.#register(path, identify(folder.fd, name)?.identity ?? "", entry);
  }

  #makeFile({ folder, name }: Place, entry: TarEntry): void {
    this.#replacing(folder, name, () => {
      const fd = createFile(folder.fd, name, 0o600);
      if (fd) this.#file = { fd, entry };
      return fd !== undefined;
    });
  }

  #makeSymlink({ folder, name }: Place, entry: TarEntry, target: Uint8Array): void {
    this.#replacing(folder, name, () => makeSymlink(target, folder.fd, name));
    changeTimes(folder.fd, name, text(entry), entry.mtime);
  }

  #makeFifo({ folder, name }: Place, entry: TarEntry): void {
    this.#replacing(folder, name, () => makeFifo(folder.fd, name, 0o600));
    changeMode(folder.fd, name, entry.mode);
    changeTimes(folder.fd, name, text(entry), entry.mtime);
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
    const path = there && this.#paths.get(there.identity);
    if (isFolder && path !== undefined) this.#folders.delete(path);
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
    const folder = { fd: fd.number, path: this.#paths.get(identity) ?? `/${spelled}` };
    this.#last?.fd.close();
    this.#last = { fd, folder, spelled };
    return folder;
  }

  #makeImplied(components: readonly string[], spelled: string, entry: TarEntry): Fd {
    const parent = this.#openFolder(components.slice(0, -1), entry);
    const last = components.at(-1) ?? "";
    if (!makeDirectory(parent.fd, pathBytes(last), WORKING_MODE))
      throw new TarError("it lies below a symbolic link that leads nowhere", entry.offset, text(entry));
    const identity = identify(parent.fd, pathBytes(last))?.identity ?? "";
    this.#register(`${parent.path}/${last}`, identity, IMPLIED);
    const fd = this.#open(spelled, O_PATH);
    if (!fd) throw new SyscallError("openat2", text(entry), ERRNO.ENOENT);
    return fd;
  }

  #open(spelled: string, access: number): Fd | undefined {
    const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return openBeneath(this.#root.fd, pathBytes(spelled || "."), access | O_DIRECTORY, 0, resolve);
  }

  #register(path: string, identity: string, attributes: Attributes): void {
    this.#paths.set(identity, path);
    this.#folders.set(path, attributes);
  }

  #setFolder(path: string, { mode, mtime }: Attributes): void {
    const name = pathBytes(path.slice(1) || ".");
    const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    using fd = openBeneath(this.#root.fd, name, flags, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    if (!fd) throw new SyscallError("openat2", printable(name), ERRNO.ENOENT);
    changeOpenMode(fd.number, printable(name), mode);
    if (mtime !== undefined) changeTimes(fd.number, undefined, printable(name), mtime);
  }
}

function blame(error: unknown, entry: TarEntry): unknown {
  const reason = error instanceof SyscallError ? ARCHIVE_FAULTS[error.errno] : undefined;
  return reason === undefined ? error : new TarError(reason, entry.offset, text(entry));
}

function text(entry: TarEntry): string {
  return printable(entry.name);
}
