// /proc/filesystems, filesystems(5): types that the kernel can mount now. One that is missing may still be loadable.

import { type ModuleState, readModule } from "./modules.ts";
import { readHostFile } from "./read_host_file.ts";

export function readOverlayModule(release: string): ModuleState {
  const known = parseFilesystems(readHostFile("/proc/filesystems") ?? "");
  return known.has("overlay") ? "loaded" : readModule("overlay", release);
}

/** Lines are `TYPE` or `nodev<tab>TYPE`. */
export function parseFilesystems(text: string): ReadonlySet<string> {
  return new Set(text.split("\n").flatMap((line) => line.split("\t")[1]?.trim() || []));
}
