// What of the host's root a sandbox shows: which of the system's folders there are, and which are symbolic links (merged
// /usr, ostree, NixOS). A few dozen system calls; no file of /etc is read.
import { modeOf, readlink, S_IFDIR, S_IFMT } from "../../ffi/file.ts";
import { type Entry, type HostView, NIX_LINKS, OWN_FILES, SYSTEM_FOLDERS } from "../spec/host_view.ts";

export function readHostView(): HostView {
  const entries = new Map<string, Entry>();
  const look = (path: string): void => {
    const found = entry(path);
    if (found) entries.set(path, found);
  };
  for (const path of [...SYSTEM_FOLDERS, "/tmp", "/run", "/home"]) look(path);
  if (entries.has("/nix")) for (const path of NIX_LINKS) look(path);
  return { entries, files: ownFiles() };
}

function entry(path: string): Entry | undefined {
  const target = readlink(path);
  if (target !== undefined) return { kind: "symlink", target };
  return ((modeOf(path) ?? 0) & S_IFMT) === S_IFDIR ? { kind: "directory" } : undefined;
}

function ownFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const path of OWN_FILES) {
    const target = readlink(path);
    if (target === undefined && modeOf(path) === undefined) continue;
    files.set(path, target === undefined ? path : linkPlace(target));
  }
  return files;
}

/** Where a link of /etc leads. Lexical: one link deep, as these are. */
export function linkPlace(target: string): string {
  const parts: string[] = [];
  for (const part of (target.startsWith("/") ? target : `/etc/${target}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
