// What one tree changes of another, a line each, as docker diff shows it.
import type { Change } from "../../rootfs-builder/store/job.ts";
import { print } from "./print.ts";
import { printJson } from "./print_json.ts";

const LETTERS: Readonly<Record<Change["change"], string>> = { added: "A", changed: "C", deleted: "D" };

/** Always 0, the exit code. */
export function printChanges(changes: readonly Change[], json: boolean): number {
  if (json) return printJson(changes);
  // Paths come with all but printable ASCII written as %XX (compare_trees.ts).
  print(
    changes.map(({ change, path, type }) => `${LETTERS[change]} /${path}${type === "directory" ? "/" : ""}\n`).join(""),
  );
  return 0;
}
