// What a tree takes on the disk, each node counted once however many names it has.
import { S_IFDIR } from "../../ffi/file.ts";
import type { Measure } from "./job.ts";
import { typeOf, walkTree } from "./walk_tree.ts";

export function measureTree(root: number): Measure {
  const seen = new Set<string>();
  let [files, disk] = [0, 0];
  walkTree(root, ({ node }) => {
    if (node.links > 1 && typeOf(node) !== S_IFDIR) {
      if (seen.has(node.identity)) return;
      seen.add(node.identity);
    }
    files++;
    disk += node.disk;
  });
  return { files, disk };
}
