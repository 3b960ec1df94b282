// The description of a tree as a file beside it: written with the tree, read when somebody asks whether that is still the tree.
import { O_RDONLY, open, read, readAll, writeAll } from "../../ffi/file.ts";
import { rawSyscall } from "../../ffi/libc.ts";
import { inspect } from "../../ffi/node_at.ts";
import { rewind } from "../../ffi/path_at.ts";
import { describeTree } from "./describe_tree.ts";
import type { JobResults, Measure } from "./job.ts";
import {
  escapeBytes,
  parseTreeEnd,
  parseTreeLine,
  TREE_HEADER,
  type TreeEnd,
  type TreeLine,
  treeEnd,
  treeLine,
} from "./tree_line.ts";
import { openNode } from "./walk_tree.ts";

const OBJECT = "the tree's description";
const BUFFERED = 1 << 16;
/** Four million lines of the longest path would be this; what is larger was not written here. */
const LARGEST = 2 ** 34;
const MOST_DIFFERENCES = 20;
const END_BYTES = 128;

/** Describes the tree at `root` into the empty file `tree`. */
export function writeTree(root: number, tree: number): Measure {
  const hasher = new Bun.CryptoHasher("sha256");
  let buffer = TREE_HEADER;
  const flush = (): void => {
    const bytes = new TextEncoder().encode(buffer);
    hasher.update(bytes);
    writeAll(tree, OBJECT, bytes);
    buffer = "";
  };
  const measure = describeTree(root, (line) => {
    buffer += treeLine(line);
    if (buffer.length > BUFFERED) flush();
  });
  flush();
  writeAll(tree, OBJECT, new TextEncoder().encode(treeEnd({ ...measure, sha256: hasher.digest("hex") })));
  return measure;
}

/** Is the tree `root` in the open folder the one that the file `tree` there describes? */
export function verifyTree(folder: number): JobResults["verify"] {
  using tree = open("tree", O_RDONLY, 0, folder);
  const expected = readTree(tree.number);
  if (expected === undefined) return { differences: ["its description is damaged"], damaged: true };
  const name = new TextEncoder().encode("root");
  const node = inspect(folder, name);
  if (!node) return { differences: ["it is gone"], damaged: false };
  using root = openNode(folder, name, node);
  const differences: string[] = [];
  const differ = (text: string): void => {
    if (differences.length < MOST_DIFFERENCES) differences.push(text);
  };
  const missing = new Map(expected.map((line) => [line.path, line]));
  describeTree(root.number, (line) => {
    const wanted = missing.get(line.path);
    missing.delete(line.path);
    if (wanted === undefined) differ(`${shown(line)} is new`);
    else if (treeLine(wanted) !== treeLine(line)) differ(`${shown(line)}: ${changesOf(wanted, line)}`);
  });
  for (const line of missing.values()) differ(`${shown(line)} is missing`);
  return { differences, damaged: false };
}

/** The lines of a description; `undefined` when it is not as it was written. */
function readTree(tree: number): readonly TreeLine[] | undefined {
  rewind(tree, OBJECT);
  const text = new TextDecoder("latin1").decode(readAll(tree, OBJECT, LARGEST));
  const at = text.lastIndexOf("\n#end ") + 1;
  const end = parseTreeEnd(text.slice(at, -1));
  if (end === undefined || !text.startsWith(TREE_HEADER)) return undefined;
  const body = text.slice(0, at);
  if (new Bun.CryptoHasher("sha256").update(body).digest("hex") !== end.sha256) return undefined;
  const lines = body.slice(TREE_HEADER.length, -1).split("\n").map(parseTreeLine);
  return lines.every((line) => line !== undefined) ? lines : undefined;
}

/** What a description says of its tree's size, without reading it all; `undefined` where there is none. */
export function readTreeEnd(path: string): TreeEnd | undefined {
  using file = open(path, O_RDONLY);
  const buffer = new Uint8Array(END_BYTES);
  const SEEK_END = 2;
  rawSyscall("lseek", file.number, -END_BYTES, SEEK_END, 0);
  const text = new TextDecoder("latin1").decode(buffer.subarray(0, read(file.number, path, buffer)));
  return parseTreeEnd(text.slice(text.lastIndexOf("\n#end ") + 1, -1));
}

function changesOf(wanted: TreeLine, found: TreeLine): string {
  const fields = ["type", "mode", "uid", "gid", "size", "mtime", "content", "attributes"] as const;
  const differing = fields.filter((field) => wanted[field] !== found[field]);
  return `another ${differing.join(", another ")}`;
}

function shown({ path }: TreeLine): string {
  return `/${escapeBytes(path)}`;
}
