// A tree copied with all that overlayfs and its users need of it: owners, modes, times, extended attributes, whiteouts, and
// which names are one file. Blocks are shared where the file system can (FICLONE).
import {
  O_DIRECTORY,
  O_PATH,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
} from "../../ffi/file.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import {
  changeOwner,
  cloneFile,
  copyRange,
  getAttribute,
  inspect,
  listAttributes,
  makeCharacterDevice,
  type Node,
  readLinkBytes,
  setAttribute,
} from "../../ffi/node_at.ts";
import {
  changeMode,
  changeOpenMode,
  changeTimes,
  createFile,
  makeDirectory,
  makeFifo,
  makeLink,
  makeSymlink,
  openBeneath,
  printable,
} from "../../ffi/path_at.ts";
import { pathBytes, pathText } from "../tar/member_path.ts";
import type { Measure } from "./job.ts";
import { DEEPEST, enterFolder, openNode, sortedEntries, tooDeep, typeOf } from "./walk_tree.ts";

const S_IFIFO = 0o010000;
const WORKING_MODE = 0o700;
const PERMISSIONS = 0o7777;
const ONCE = 2 ** 30;
/** A longer path cannot be named in one call; what lies there is copied once a name. */
const PATH_MAX = 4096;
const EMPTY = new Uint8Array();
const COPIED = /^(user\.|security\.capability$)/;

type Attributes = readonly { readonly name: string; readonly value: Uint8Array }[];

/** Everything in the open folder `from` into the empty one `to`, and `from`'s own attributes onto `to`. */
export function copyTree(from: number, to: number): Measure {
  return new Copy(to).whole(from);
}

class Copy {
  readonly #to: number;
  readonly #uid = rawSyscall("geteuid");
  readonly #gid = rawSyscall("getegid");
  /** Where the first name of a file with several has been copied to. */
  readonly #copied = new Map<string, string>();
  #files = 0;
  #disk = 0;

  constructor(to: number) {
    this.#to = to;
  }

  whole(from: number): Measure {
    this.#inside(from, this.#to, "", 0);
    const node = inspect(from, EMPTY);
    if (node) this.#dress(this.#to, "the tree", node, readAttributes(from, "the tree"));
    return { files: this.#files, disk: this.#disk };
  }

  #inside(from: number, to: number, path: string, depth: number): void {
    if (depth === DEEPEST) throw tooDeep();
    for (const name of sortedEntries(from, path || "the tree")) {
      const node = inspect(from, name);
      if (node) this.#node(from, to, name, path === "" ? pathText(name) : `${path}/${pathText(name)}`, node, depth);
    }
  }

  #node(from: number, to: number, name: Uint8Array, path: string, node: Node, depth: number): void {
    if (node.links > 1 && typeOf(node) !== S_IFDIR && this.#link(to, name, path, node)) return;
    this.#files++;
    this.#disk += node.disk;
    switch (typeOf(node)) {
      case S_IFDIR:
        return this.#folder(from, to, name, path, node, depth);
      case S_IFREG:
        return this.#file(from, to, name, node);
      case S_IFLNK:
        makeSymlink(readLinkBytes(from, name), to, name);
        return this.#dressNamed(to, name, node, false);
      case S_IFIFO:
        makeFifo(to, name, 0o600);
        return this.#dressNamed(to, name, node, true);
      case S_IFCHR:
        makeCharacterDevice(to, name, node.device);
        return this.#dressNamed(to, name, node, true);
      default:
        // A socket is an address of a process that is gone.
        return;
    }
  }

  /** True when the file has been copied under another name, and has this one too now. */
  #link(to: number, name: Uint8Array, path: string, node: Node): boolean {
    const first = this.#copied.get(node.identity);
    if (first === undefined) {
      if (path.length < PATH_MAX) this.#copied.set(node.identity, path);
      return false;
    }
    const cut = first.lastIndexOf("/");
    const parent = cut < 0 ? "." : first.slice(0, cut);
    using folder = openBeneath(
      this.#to,
      pathBytes(parent),
      O_PATH | O_DIRECTORY,
      0,
      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    );
    return folder !== undefined && makeLink(folder.number, pathBytes(first.slice(cut + 1)), to, name);
  }

  #folder(from: number, to: number, name: Uint8Array, path: string, node: Node, depth: number): void {
    makeDirectory(to, name, WORKING_MODE);
    let attributes: Attributes = [];
    using source = enterFolder(from, name, node, (fd) => {
      attributes = readAttributes(fd, printable(name));
    });
    using target = openNode(to, name, { ...node, mode: S_IFDIR | WORKING_MODE });
    this.#inside(source.number, target.number, path, depth + 1);
    this.#dress(target.number, printable(name), node, attributes);
  }

  #file(from: number, to: number, name: Uint8Array, node: Node): void {
    const object = printable(name);
    let attributes: Attributes = [];
    using source = openNode(from, name, node, (fd) => {
      attributes = readAttributes(fd, object);
    });
    using target = createFile(to, name, 0o600);
    if (!target) return;
    if (!cloneFile(target.number, source.number)) while (copyRange(source.number, target.number, object, ONCE) > 0);
    this.#dress(target.number, object, node, attributes);
  }

  /** In the one order that holds: chown(2) clears setuid and security.capability, a mode without write permission forbids `user.` attributes. */
  #dress(to: number, object: string, node: Node, attributes: Attributes): void {
    if (node.uid !== this.#uid || node.gid !== this.#gid) changeOwner(to, EMPTY, node.uid, node.gid);
    for (const { name, value } of attributes) setAttribute(to, object, name, value);
    const name = new TextEncoder().encode(object);
    changeOpenMode(to, name, node.mode & PERMISSIONS);
    changeTimes(to, undefined, name, node.mtime);
  }

  #dressNamed(to: number, name: Uint8Array, node: Node, hasMode: boolean): void {
    if (node.uid !== this.#uid || node.gid !== this.#gid) changeOwner(to, name, node.uid, node.gid);
    if (hasMode) changeMode(to, name, node.mode & PERMISSIONS);
    changeTimes(to, name, name, node.mtime);
  }
}

function readAttributes(fd: number, object: string): Attributes {
  return listAttributes(fd, object).flatMap((name) => {
    const value = COPIED.test(name) ? getAttribute(fd, object, name) : undefined;
    return value ? [{ name, value }] : [];
  });
}
