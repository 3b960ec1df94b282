// Every node of a tree, a folder before what is in it, names in the order of their bytes: the same order for the same tree, whatever
// the file system's. By descriptors only; links are never followed, other file systems never entered.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import {
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  readdir,
  S_IFDIR,
  S_IFMT,
} from "../../ffi/file.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { changeModeOf, inspect, type Node, reopen } from "../../ffi/node_at.ts";
import { openBeneath, printable, rewind } from "../../ffi/path_at.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { pathText } from "../tar/member_path.ts";

const READABLE = 0o500;
const PERMISSIONS = 0o7777;
/** Deeper than any path of PATH_MAX bytes leads. Only a program that goes down step by step makes such folders, and each level costs a descriptor here. */
export const DEEPEST = 2048;

export type Visited = {
  /** From the root, one character a byte; empty for the root itself. */
  readonly path: string;
  /** Of the node, in {@link folder}. Empty for the root itself, which `folder` is then. */
  readonly name: Uint8Array;
  readonly folder: number;
  readonly node: Node;
};

/** `missing` is what becomes of a name that is gone when its turn comes: a tree that somebody works in is never quite what it was. */
export function walkTree(root: number, visit: (visited: Visited) => void, missing: "fail" | "skip" = "fail"): void {
  const node = inspect(root, EMPTY);
  if (!node) throw new SyscallError("statx", "the tree", ERRNO.ENOENT);
  visit({ path: "", name: EMPTY, folder: root, node });
  walkFolder(root, "", 0, visit, missing);
}

/**
 * `name` opened for reading. Its owner may have taken that right from itself; it is given back for the moment of the call, and of
 * `attributes`, since reading extended ones takes the right anew (xattr(7), "Extended user attributes").
 */
export function openNode(
  folder: number,
  name: Uint8Array,
  node: Node,
  attributes: (fd: number) => void = () => {},
): Fd {
  try {
    return openReadable(folder, name, node, attributes);
  } catch (error) {
    if (!(error instanceof SyscallError && error.errno === ERRNO.EACCES)) throw error;
  }
  using forced = force(folder, name, node);
  return forced.open(attributes);
}

/** An open folder whose content can be reached. */
export class EnteredFolder implements Disposable {
  readonly #fd: Fd;
  readonly #leave: () => void;

  constructor(fd: Fd, leave: () => void) {
    this.#fd = fd;
    this.#leave = leave;
  }

  get number(): number {
    return this.#fd.number;
  }

  [Symbol.dispose](): void {
    this.#fd.close();
    this.#leave();
  }
}

/**
 * As {@link openNode}, for as long as it takes to go through it: names in a folder that its owner may not search cannot be looked at even by
 * its descriptor (path_resolution(7)), so the mode is the owner's again only when the result is disposed of. Root needs none of this.
 */
export function enterFolder(
  folder: number,
  name: Uint8Array,
  node: Node,
  attributes: (fd: number) => void = () => {},
): EnteredFolder {
  if ((node.mode & READABLE) === READABLE || rawSyscall("geteuid") === 0)
    return new EnteredFolder(openNode(folder, name, node, attributes), () => {});
  const forced = force(folder, name, node);
  try {
    return new EnteredFolder(forced.open(attributes), () => forced[Symbol.dispose]());
  } catch (error) {
    forced[Symbol.dispose]();
    throw error;
  }
}

/** From the folder's beginning, whoever has read from the descriptor before. */
export function sortedEntries(folder: number, object: string): readonly Uint8Array[] {
  rewind(folder, object);
  return readdir(folder, object)
    .map(({ name }) => name)
    .sort(Buffer.compare);
}

/** Thrown at the depth of {@link DEEPEST}. */
export function tooDeep(): SyscallError {
  return new SyscallError("openat2", `folders below ${DEEPEST} others`, ERRNO.ENAMETOOLONG);
}

export function typeOf({ mode }: Pick<Node, "mode">): number {
  return mode & S_IFMT;
}

const EMPTY = new Uint8Array();
const DOT = new TextEncoder().encode(".");
const RESOLVE = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;

function walkFolder(
  folder: number,
  path: string,
  depth: number,
  visit: (visited: Visited) => void,
  missing: "fail" | "skip",
): void {
  if (depth === DEEPEST) throw tooDeep();
  for (const name of sortedEntries(folder, path || "the tree")) {
    const node = inspect(folder, name);
    if (!node && missing === "skip") continue;
    if (!node) throw new SyscallError("statx", printable(name), ERRNO.ENOENT);
    const below = path === "" ? pathText(name) : `${path}/${pathText(name)}`;
    visit({ path: below, name, folder, node });
    if (typeOf(node) !== S_IFDIR) continue;
    using inside = missing === "skip" ? enterIfThere(folder, name, node) : enterFolder(folder, name, node);
    if (inside) walkFolder(inside.number, below, depth + 1, visit, missing);
  }
}

function enterIfThere(folder: number, name: Uint8Array, node: Node): EnteredFolder | undefined {
  try {
    return enterFolder(folder, name, node);
  } catch (error) {
    if (error instanceof SyscallError && GONE.includes(error.errno)) return undefined;
    throw error;
  }
}

/** What opening a folder answers when the folder has been removed, or something else has taken its name. */
const GONE: readonly number[] = [ERRNO.ENOENT, ERRNO.ENOTDIR, ERRNO.ELOOP];

function openReadable(folder: number, name: Uint8Array, node: Node, attributes: (fd: number) => void): Fd {
  // O_NONBLOCK: should a pipe have taken the file's place, opening it would wait for a writer.
  const fd = openBeneath(folder, name.length === 0 ? DOT : name, readFlags(node), 0, RESOLVE);
  if (!fd) throw new SyscallError("openat2", printable(name), ERRNO.ENOENT);
  attributes(fd.number);
  return fd;
}

function readFlags(node: Node): number {
  return O_RDONLY | O_NONBLOCK | (typeOf(node) === S_IFDIR ? O_DIRECTORY : 0);
}

type Forced = Disposable & { readonly open: (attributes: (fd: number) => void) => Fd };

/**
 * `node` made readable until it is disposed of. Somebody may be at work in this tree, and put a link to anywhere in the place of a name:
 * so the node is held by a descriptor first, and its mode and its content are reached by that alone.
 */
function force(folder: number, name: Uint8Array, node: Node): Forced {
  const object = printable(name);
  const held = openBeneath(folder, name.length === 0 ? DOT : name, O_PATH | O_NOFOLLOW, 0, RESOLVE);
  const found = held && inspect(held.number, EMPTY);
  // The type as well: an inode's number may be given to the next file once it is free.
  if (!held || found?.identity !== node.identity || typeOf(found) !== typeOf(node)) {
    held?.close();
    throw new SyscallError("openat2", object, ERRNO.ENOENT);
  }
  try {
    changeModeOf(held.number, object, (node.mode & PERMISSIONS) | READABLE);
  } catch (error) {
    held.close();
    throw error;
  }
  return {
    open: (attributes) => {
      const fd = reopen(held.number, object, readFlags(node));
      attributes(fd.number);
      return fd;
    },
    [Symbol.dispose]: () => {
      changeModeOf(held.number, object, node.mode & PERMISSIONS);
      held.close();
    },
  };
}
