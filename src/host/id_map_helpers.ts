// newuidmap(1) and newgidmap(1) map a range of ids for an unprivileged user. They work by a privilege on their file, which half
// a dozen settings take away without a word; each is looked at here.
import { accessible, type Stat, stat } from "../../ffi/file.ts";
import { statfs } from "../../ffi/statfs.ts";
import { getxattr } from "../../ffi/xattr.ts";
import { CAP, hasCapability, type ProcessStatus } from "./process_status.ts";

export type HelperName = "newuidmap" | "newgidmap";

export type HelperFile = {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  /** The value of security.capability, if the file has one. */
  readonly capability: Uint8Array | undefined;
  readonly nosuid: boolean;
  readonly executable: boolean;
};

export type HelperState =
  | { readonly kind: "ready"; readonly path: string; readonly by: "setuid" | "file capability" | "root" }
  | { readonly kind: "missing" }
  | { readonly kind: "powerless"; readonly path: string; readonly why: HelperFault };

export type HelperFault =
  | "not-executable"
  | "no-privilege"
  | "owner-not-root"
  | "nosuid"
  | "no-new-privs"
  | "bounding-set";

const S_ISUID = 0o4000;
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const X_OK = 1;
const CAPABILITY_OF: Readonly<Record<HelperName, number>> = { newuidmap: CAP.CAP_SETUID, newgidmap: CAP.CAP_SETGID };

/** Looks the helper up on `path` (the variable PATH; NixOS keeps its wrappers in /run/wrappers/bin) and tells whether it would work. */
export function readHelper(
  name: HelperName,
  path: string | undefined,
  status: ProcessStatus,
  euid: number,
): HelperState {
  return decideHelper(name, findHelper(name, path ?? DEFAULT_PATH), status, euid);
}

/** Whether a helper gets its privilege at execve(2): "Effect on process capabilities", capabilities(7). */
export function decideHelper(
  name: HelperName,
  file: HelperFile | undefined,
  status: ProcessStatus,
  euid: number,
): HelperState {
  if (!file) return { kind: "missing" };
  const powerless = (why: HelperFault): HelperState => ({ kind: "powerless", path: file.path, why });
  const capability = CAPABILITY_OF[name];
  const setuid = (file.mode & S_ISUID) !== 0;
  if (!file.executable) return powerless("not-executable");
  if (!hasCapability(status.bounding, capability)) return powerless("bounding-set");
  if (euid === 0) return { kind: "ready", path: file.path, by: "root" };
  if (!setuid && !permits(file.capability, capability)) return powerless("no-privilege");
  if (status.noNewPrivs) return powerless("no-new-privs");
  if (file.nosuid) return powerless("nosuid");
  if (setuid && file.uid !== 0) return powerless("owner-not-root");
  return { kind: "ready", path: file.path, by: setuid ? "setuid" : "file capability" };
}

/** struct vfs_cap_data (linux/capability.h), revisions 2 and 3: little-endian magic and flags, then permitted and inheritable words. */
export function permits(value: Uint8Array | undefined, capability: number): boolean {
  if (!value || value.length < 20) return false;
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const revision = view.getUint32(0, true) >>> 24;
  return (revision === 2 || revision === 3) && ((view.getUint32(4, true) >>> capability) & 1) === 1;
}

function findHelper(name: HelperName, path: string): HelperFile | undefined {
  for (const folder of path.split(":")) {
    // A relative entry of PATH would make the current folder choose a privileged program.
    if (!folder.startsWith("/")) continue;
    const file = readHelperFile(`${folder}/${name}`);
    if (file) return file;
  }
  return undefined;
}

function readHelperFile(path: string): HelperFile | undefined {
  const found = statIfReachable(path);
  if (!found) return undefined;
  return {
    path,
    mode: found.mode,
    uid: found.uid,
    capability: getxattr(path, "security.capability"),
    nosuid: statfs(path)?.nosuid ?? false,
    executable: accessible(path, X_OK),
  };
}

function statIfReachable(path: string): Stat | undefined {
  try {
    return stat(path);
  } catch {
    return undefined;
  }
}
