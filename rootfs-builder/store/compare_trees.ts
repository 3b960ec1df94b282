// What an upper layer changes of the layers below it, read from the marks that overlayfs leaves (kernel,
// Documentation/filesystems/overlayfs): a whiteout for what is deleted, `opaque` for a folder that hides the one below.
import { S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG } from "../../ffi/file.ts";
import { getAttribute, inspect, type Node } from "../../ffi/node_at.ts";
import { printable } from "../../ffi/path_at.ts";
import { pathText } from "../tar/member_path.ts";
import type { Change } from "./job.ts";
import { escapeBytes } from "./tree_line.ts";
import { DEEPEST, type EnteredFolder, enterFolder, openNode, sortedEntries, tooDeep, typeOf } from "./walk_tree.ts";

const OPAQUE = "user.overlay.opaque";
const WHITEOUT = "user.overlay.whiteout";
const YES = 0x79;

type Below = { readonly node: Node; readonly folders: readonly EnteredFolder[] };

/** `bases` are the layers below, the topmost first. Changes in the order of their paths; a folder that came or went whole is one change. */
export function compareTrees(upper: number, bases: readonly number[]): readonly Change[] {
  const changes: Change[] = [];
  compareFolder({ upper, bases, path: "", depth: 0, changes });
  return changes;
}

type Comparison = {
  readonly upper: number;
  readonly bases: readonly number[];
  readonly path: string;
  readonly depth: number;
  readonly changes: Change[];
};

function compareFolder(comparison: Comparison): void {
  if (comparison.depth === DEEPEST) throw tooDeep();
  for (const name of sortedEntries(comparison.upper, comparison.path || "the upper layer")) {
    const node = inspect(comparison.upper, name);
    if (node) compareNode(comparison, name, node);
  }
}

function compareNode(comparison: Comparison, name: Uint8Array, node: Node): void {
  const { upper, bases, path, changes } = comparison;
  const below = findBelow(bases, name);
  const inside = path === "" ? pathText(name) : `${path}/${pathText(name)}`;
  const tell = (change: Change["change"], of: Node): number =>
    changes.push({ change, path: escapeBytes(inside), type: kindOf(of) });
  try {
    if (isWhiteout(upper, name, node)) {
      if (below) tell("deleted", below.node);
    } else if (!below) tell("added", node);
    else if (typeOf(node) !== S_IFDIR || typeOf(below.node) !== S_IFDIR) tell("changed", node);
    else compareFolders(comparison, name, node, inside, below, () => tell("changed", node));
  } finally {
    for (const folder of below?.folders ?? []) folder[Symbol.dispose]();
  }
}

/** Overlayfs copies a folder up whenever something in it changes: by itself that is no change of the folder's. */
function compareFolders(
  { upper, depth, changes }: Comparison,
  name: Uint8Array,
  node: Node,
  path: string,
  below: Below,
  changed: () => void,
): void {
  if (node.mode !== below.node.mode || node.uid !== below.node.uid || node.gid !== below.node.gid) changed();
  let opaque = false;
  using folder = enterFolder(upper, name, node, (fd) => {
    opaque = isOpaque(fd, path);
  });
  const bases = below.folders.map(({ number }) => number);
  if (opaque) tellHidden(folder.number, bases, path, changes);
  compareFolder({ upper: folder.number, bases, path, depth: depth + 1, changes });
}

/** What an opaque folder does not have of the one below. */
function tellHidden(upper: number, bases: readonly number[], path: string, changes: Change[]): void {
  const names = new Map(bases.flatMap((base) => sortedEntries(base, path).map((name) => [pathText(name), name])));
  for (const [text, name] of names) {
    const below = inspect(upper, name) ? undefined : findBelow(bases, name);
    if (!below) continue;
    changes.push({ change: "deleted", path: escapeBytes(`${path}/${text}`), type: kindOf(below.node) });
    for (const folder of below.folders) folder[Symbol.dispose]();
  }
}

/** `name` as the layers below show it: the first that has it says what it is; folders of further ones lie under a folder. */
function findBelow(bases: readonly number[], name: Uint8Array): Below | undefined {
  let top: Node | undefined;
  const folders: EnteredFolder[] = [];
  for (const base of bases) {
    const node = inspect(base, name);
    if (!node) continue;
    if (isWhiteout(base, name, node)) break;
    if (typeOf(node) !== S_IFDIR) {
      top ??= node;
      break;
    }
    top ??= node;
    let opaque = false;
    const read = (fd: number): void => {
      opaque = isOpaque(fd, printable(name));
    };
    folders.push(enterFolder(base, name, node, read));
    if (opaque) break;
  }
  return top && { node: top, folders };
}

/** A character device 0:0, or an empty file that says so. */
function isWhiteout(folder: number, name: Uint8Array, node: Node): boolean {
  if (typeOf(node) === S_IFCHR) return node.device.major === 0 && node.device.minor === 0;
  if (typeOf(node) !== S_IFREG || node.size > 0) return false;
  let marked = false;
  using _file = openNode(folder, name, node, (fd) => {
    marked = getAttribute(fd, printable(name), WHITEOUT) !== undefined;
  });
  return marked;
}

function isOpaque(folder: number, object: string): boolean {
  return getAttribute(folder, object, OPAQUE)?.[0] === YES;
}

function kindOf(node: Node): Change["type"] {
  switch (typeOf(node)) {
    case S_IFREG:
      return "file";
    case S_IFDIR:
      return "directory";
    case S_IFLNK:
      return "symlink";
    default:
      return "other";
  }
}
