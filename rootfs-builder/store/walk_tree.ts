// Every node of a tree, a folder before what is in it, names in the order of their bytes: the same order for the same tree, whatever
// the file system's. By descriptors only; links are never followed, other file systems never entered.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import {
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  readdir,
  S_IFDIR,
  S_IFMT,
} from "../../ffi/file.ts";
import { inspect, type Node } from "../../ffi/node_at.ts";
import { changeMode, openBeneath, printable, rewind } from "../../ffi/path_at.ts";
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

export function walkTree(root: number, visit: (visited: Visited) => void): void {
  const node = inspect(root, EMPTY);
  if (!node) throw new SyscallError("statx", "the tree", ERRNO.ENOENT);
  visit({ path: "", name: EMPTY, folder: root, node });
  walkFolder(root, "", 0, visit);
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
  const isFolder = (node.mode & S_IFMT) === S_IFDIR;
  // O_NONBLOCK: should a pipe have taken the file's place, opening it would wait for a writer.
  const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (isFolder ? O_DIRECTORY : 0);
  const here = name.length === 0 ? DOT : name;
  const open = (): Fd | undefined => {
    const fd = openBeneath(folder, here, flags, 0, RESOLVE);
    if (fd) attributes(fd.number);
    return fd;
  };
  try {
    const fd = open();
    if (fd) return fd;
  } catch (error) {
    if (!(error instanceof SyscallError && error.errno === ERRNO.EACCES)) throw error;
    return openForced(folder, here, node, open);
  }
  throw new SyscallError("openat2", printable(name), ERRNO.ENOENT);
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

function walkFolder(folder: number, path: string, depth: number, visit: (visited: Visited) => void): void {
  if (depth === DEEPEST) throw tooDeep();
  for (const name of sortedEntries(folder, path || "the tree")) {
    const node = inspect(folder, name);
    if (!node) throw new SyscallError("statx", printable(name), ERRNO.ENOENT);
    const below = path === "" ? pathText(name) : `${path}/${pathText(name)}`;
    visit({ path: below, name, folder, node });
    if (typeOf(node) !== S_IFDIR) continue;
    using inside = openNode(folder, name, node);
    walkFolder(inside.number, below, depth + 1, visit);
  }
}

function openForced(folder: number, name: Uint8Array, node: Node, open: () => Fd | undefined): Fd {
  changeMode(folder, name, (node.mode & PERMISSIONS) | READABLE);
  try {
    const fd = open();
    if (fd) return fd;
    throw new SyscallError("openat2", printable(name), ERRNO.ENOENT);
  } finally {
    changeMode(folder, name, node.mode & PERMISSIONS);
  }
}
