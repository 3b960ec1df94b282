// --rootfs TEXT → a folder to run in.
import { S_IFDIR, S_IFMT, stat } from "../../ffi/file.ts";
import { requestFault } from "../base/fault.ts";
import type { Parsed } from "./command.ts";
import type { HostLookups } from "./host_lookups.ts";
import type { ResolvedRootfs } from "./run_spec.ts";

export async function findRootfs(text: string, parsed: Parsed, lookups: HostLookups): Promise<{ readonly rootfs: ResolvedRootfs; readonly keep: readonly number[] }> {
  void parsed;
  const path = text.startsWith("/") ? text : `${lookups.cwd}/${text}`;
  const found = stat(path);
  if (!found || (found.mode & S_IFMT) !== S_IFDIR) throw requestFault(`Cannot use the root file system ${text}`, "no such folder");
  return { rootfs: { kind: "folder", path, upper: undefined }, keep: [] };
}
