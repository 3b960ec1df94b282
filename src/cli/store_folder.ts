import { requestFault } from "../base/fault.ts";
import type { HostLookups } from "../spec/host_lookups.ts";

/** `--store`, else $XDG_DATA_HOME/sandbox, else ~/.local/share/sandbox (XDG Base Directory Specification). */
export function storeFolder(asked: string | undefined, { cwd, env }: Pick<HostLookups, "cwd" | "env">): string {
  if (asked !== undefined) return asked.startsWith("/") ? asked : `${cwd}/${asked}`;
  if (env.XDG_DATA_HOME?.startsWith("/")) return `${env.XDG_DATA_HOME}/sandbox`;
  if (env.HOME?.startsWith("/")) return `${env.HOME}/.local/share/sandbox`;
  throw requestFault("Cannot find the store", "neither XDG_DATA_HOME nor HOME is set", "name a folder: --store DIR");
}
