// Whether a kernel module is there to be loaded: modules.dep(5) and modules.builtin below /lib/modules.
import { exists, readHostFile } from "./read_host_file.ts";

/** `unknown`: this machine shows no module list (a container, a kernel without its modules package). */
export type ModuleState = "loaded" | "builtin" | "loadable" | "absent" | "unknown";

const LARGEST_LIST = 8 << 20;

export function readModule(name: string, release: string): ModuleState {
  if (readHostFile(`/sys/module/${name}/initstate`) !== undefined) return "loaded";
  for (const folder of ["/lib/modules", "/run/booted-system/kernel-modules/lib/modules"]) {
    const list = (file: string): string | undefined => readHostFile(`${folder}/${release}/${file}`, LARGEST_LIST);
    if (exists(`${folder}/${release}`)) return decideModule(name, list("modules.dep"), list("modules.builtin"));
  }
  return "unknown";
}

/** A hyphen in a module's file name is an underscore in its name, modprobe(8). */
export function decideModule(name: string, dep: string | undefined, builtin: string | undefined): ModuleState {
  if (dep === undefined && builtin === undefined) return "unknown";
  const file = new RegExp(`(^|/)${name.replaceAll("_", "[-_]")}\\.ko(\\.\\w+)?(:|$)`, "m");
  if (file.test(builtin ?? "")) return "builtin";
  return file.test(dep ?? "") ? "loadable" : "absent";
}
