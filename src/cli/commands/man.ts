// `sandbox man`: the manual page, which the build keeps as dist/sandbox.1.
import { manPage } from "../man_page.ts";
import { print } from "../print.ts";
import { COMMANDS } from "./all.table.ts";
import { VERSION } from "./version.ts";

export function man(): number {
  print(manPage(COMMANDS, VERSION));
  return 0;
}
