// The description of a tree as text, one line a node in the order of walk_tree.ts:
//
//   #sandbox-tree 1
//   TYPE MODE UID GID SIZE MTIME CONTENT ATTRIBUTES PATH
//   #end FILES DISK SHA256
//
// TYPE d f l p c b s; MODE octal; SIZE of files; MTIME in ns since 1970; CONTENT a file's sha256, a link's target, a device's
// MAJOR:MINOR, or =N for another name of node N, the root being 1; ATTRIBUTES the sha256 of all extended ones; `-` where there is none.
// FILES and DISK (bytes) sum the tree up, each node counted once; SHA256 is of all lines before it. Pure.

export const TREE_HEADER = "#sandbox-tree 1\n";

export type NodeType = "d" | "f" | "l" | "p" | "c" | "b" | "s";

export type TreeLine = {
  readonly type: NodeType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number | undefined;
  readonly mtime: bigint;
  readonly content: string;
  readonly attributes: string;
  /** One character a byte. */
  readonly path: string;
};

export type TreeEnd = { readonly files: number; readonly disk: number; readonly sha256: string };

/** S_IFMT's bits, inode(7). A list: the formatter makes other numbers of octal keys. */
const TYPES: readonly (readonly [number, NodeType])[] = [
  [0o040000, "d"],
  [0o100000, "f"],
  [0o120000, "l"],
  [0o010000, "p"],
  [0o020000, "c"],
  [0o060000, "b"],
  [0o140000, "s"],
];
const LINE =
  /^([dflpcbs]) ([0-7]{1,5}) (\d{1,10}) (\d{1,10}) (-|\d{1,16}) (-?\d{1,20}) ([!-~]+) (-|[0-9a-f]{64}) ([!-~]+)$/;
const END = /^#end (\d{1,15}) (\d{1,16}) ([0-9a-f]{64})$/;

/** By S_IFMT's bits of a mode. */
export function nodeType(mode: number): NodeType {
  const bits = mode & 0o170000;
  return TYPES.find(([of]) => of === bits)?.[1] ?? "s";
}

export function treeLine(line: TreeLine): string {
  const { type, mode, uid, gid, size, mtime, content, attributes, path } = line;
  return `${type} ${mode.toString(8)} ${uid} ${gid} ${size ?? "-"} ${mtime} ${content} ${attributes} ${escapeBytes(path || ".")}\n`;
}

/** `undefined` for what {@link treeLine} does not write. */
export function parseTreeLine(text: string): TreeLine | undefined {
  const match = LINE.exec(text);
  if (!match) return undefined;
  const [, type, mode = "", uid, gid, size, mtime = "", content = "", attributes = "", path = ""] = match;
  const name = unescapeBytes(path);
  return {
    type: type as NodeType,
    mode: Number.parseInt(mode, 8),
    uid: Number(uid),
    gid: Number(gid),
    size: size === "-" ? undefined : Number(size),
    mtime: BigInt(mtime),
    content,
    attributes,
    path: name === "." ? "" : name,
  };
}

export function treeEnd({ files, disk, sha256 }: TreeEnd): string {
  return `#end ${files} ${disk} ${sha256}\n`;
}

export function parseTreeEnd(text: string): TreeEnd | undefined {
  const match = END.exec(text);
  return match ? { files: Number(match[1]), disk: Number(match[2]), sha256: match[3] ?? "" } : undefined;
}

/** Text of one character a byte → printable ASCII without blanks. */
export function escapeBytes(text: string): string {
  return text.replace(
    /[^!-$&-~]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}

export function unescapeBytes(text: string): string {
  return text.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
