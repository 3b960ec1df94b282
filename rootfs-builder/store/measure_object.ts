// What an object of the store takes on the disk: told by the description of its tree where there is one, else by a walk.
import { O_DIRECTORY, O_RDONLY, open, S_IFDIR, S_IFMT, stat } from "../../ffi/file.ts";
import { EMPTY_NAME, inspect } from "../../ffi/node_at.ts";
import type { RunJob } from "./job.ts";
import { readTreeEnd } from "./tree_file.ts";

/** `folder` holds `root` and, since trees are described, `tree`. In bytes. */
export async function measureObject(folder: string, run: RunJob): Promise<number> {
  const description = stat(`${folder}/tree`, false);
  const end = description && readTreeEnd(`${folder}/tree`);
  return end ? end.disk + diskOf(`${folder}/tree`) : await measureFolder(folder, run);
}

/** All that is in a folder; 0 where it is not there. */
export async function measureFolder(path: string, run: RunJob): Promise<number> {
  if (!stat(path, false)) return 0;
  using folder = open(path, O_RDONLY | O_DIRECTORY);
  return (await run({ kind: "measure", root: folder.number })).disk;
}

/** Of a folder with all that is in it, or of a file. */
export async function measurePath(path: string, run: RunJob): Promise<number> {
  const found = stat(path, false);
  const isFolder = found !== undefined && (found.mode & S_IFMT) === S_IFDIR;
  return isFolder ? await measureFolder(path, run) : diskOf(path);
}

/** Of one file; 0 where it is not there. */
export function diskOf(path: string): number {
  if (!stat(path, false)) return 0;
  using file = open(path, O_RDONLY);
  return inspect(file.number, EMPTY_NAME)?.disk ?? 0;
}
