// A tree put into words (tree_line.ts), when it is made; and compared with them, when somebody asks whether it is still that tree.
import { read, S_IFDIR, S_IFLNK, S_IFREG } from "../../ffi/file.ts";
import { getAttribute, listAttributes, readLinkBytes } from "../../ffi/node_at.ts";
import { printable } from "../../ffi/path_at.ts";
import { pathText } from "../tar/member_path.ts";
import type { Measure } from "./job.ts";
import { escapeBytes, nodeType, type TreeLine } from "./tree_line.ts";
import { openNode, typeOf, type Visited, walkTree } from "./walk_tree.ts";

const CHUNK = 1 << 18;
/** Kept with a layer; the others are the machine's to set (security.selinux). */
const ATTRIBUTE = /^(user\.|security\.capability$)/;

/** Calls `line` for each node of the tree at `root`, in order; what it all takes. */
export function describeTree(root: number, line: (line: TreeLine) => void): Measure {
  const seen = new Map<string, number>();
  let [files, disk, count] = [0, 0, 0];
  walkTree(root, (visited) => {
    const { node } = visited;
    count++;
    const first = node.links > 1 && typeOf(node) !== S_IFDIR ? seen.get(node.identity) : undefined;
    line(describe(visited, first));
    if (first !== undefined) return;
    seen.set(node.identity, count);
    files++;
    disk += node.disk;
  });
  return { files, disk };
}

function describe(visited: Visited, first: number | undefined): TreeLine {
  const { node, path } = visited;
  const type = nodeType(node.mode);
  const base = {
    type,
    mode: node.mode & 0o7777,
    uid: node.uid,
    gid: node.gid,
    size: type === "f" ? node.size : undefined,
    mtime: node.mtime,
    path,
  };
  if (first !== undefined) return { ...base, content: `=${first}`, attributes: "-" };
  switch (typeOf(node)) {
    case S_IFREG:
      return { ...base, ...describeOpen(visited, true) };
    case S_IFDIR:
      return { ...base, ...describeOpen(visited, false) };
    case S_IFLNK:
      return { ...base, content: escapeBytes(pathText(readLinkBytes(visited.folder, visited.name))), attributes: "-" };
    default:
      return { ...base, content: `${node.device.major}:${node.device.minor}`, attributes: "-" };
  }
}

/** What takes opening it. Attributes that an unprivileged user may set are on files and folders only (xattr(7)). */
function describeOpen({ folder, name, node }: Visited, content: boolean): Pick<TreeLine, "content" | "attributes"> {
  let attributes = "-";
  using fd = openNode(folder, name, node, (number) => {
    attributes = hashAttributes(number, printable(name));
  });
  return { content: content ? hashFile(fd.number, printable(name)) : "-", attributes };
}

const chunk = new Uint8Array(CHUNK);

function hashFile(fd: number, object: string): string {
  const hasher = new Bun.CryptoHasher("sha256");
  // A read of a file that gives less than it might has come to the end.
  for (let length = chunk.length; length === chunk.length; ) {
    length = read(fd, object, chunk);
    hasher.update(chunk.subarray(0, length));
  }
  return hasher.digest("hex");
}

function hashAttributes(fd: number, object: string): string {
  const names = listAttributes(fd, object).filter((name) => ATTRIBUTE.test(name));
  if (names.length === 0) return "-";
  const hasher = new Bun.CryptoHasher("sha256");
  for (const name of names) {
    const value = getAttribute(fd, object, name) ?? new Uint8Array();
    hasher.update(`${name}\0${value.length}\0`).update(value);
  }
  return hasher.digest("hex");
}
