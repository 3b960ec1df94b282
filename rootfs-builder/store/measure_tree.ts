// What a tree takes on the disk, each node counted once however many names it has. Others may be at work in it.
import { S_IFDIR } from "../../ffi/file.ts";
import type { Measure } from "./job.ts";
import { typeOf, type Visited, walkTree } from "./walk_tree.ts";

export function measureTree(root: number): Measure {
  const seen = new Set<string>();
  let [files, disk] = [0, 0];
  const add = ({ node }: Visited): void => {
    if (node.links > 1 && typeOf(node) !== S_IFDIR) {
      if (seen.has(node.identity)) return;
      seen.add(node.identity);
    }
    files++;
    disk += node.disk;
  };
  walkTree(root, add, "skip");
  return { files, disk };
}
