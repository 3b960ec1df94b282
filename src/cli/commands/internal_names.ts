// `sandbox internal-names`: what completion offers where a sandbox is to be named, one a line.
import { print } from "../print.ts";
import { openRegistry, shownName } from "../running_sandbox.ts";

export function internalNames(): number {
  for (const sandbox of openRegistry().all) print(`${shownName(sandbox)}\n`);
  return 0;
}
