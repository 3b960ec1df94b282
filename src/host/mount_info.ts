// /proc/self/mountinfo, proc_pid_mountinfo(5), and what it tells about a sandbox's chances.
import { readHostFile } from "./read_host_file.ts";

export type MountInfo = {
  readonly id: number;
  readonly parent: number;
  /** The folder of the file system that forms the root of this mount. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  readonly fsType: string;
  readonly source: string;
  readonly superOptions: readonly string[];
};

export function readMountInfo(): readonly MountInfo[] {
  return parseMountInfo(readHostFile("/proc/self/mountinfo", 16 << 20) ?? "");
}

/** Lines that do not have the documented fields are skipped. */
export function parseMountInfo(text: string): readonly MountInfo[] {
  return text.split("\n").flatMap(parseLine);
}

function parseLine(line: string): MountInfo[] {
  const fields = line.split(" ");
  const [id, parent, , root, mountPoint, options] = fields;
  // Optional fields of any number come between the options and a single hyphen.
  const [fsType, source, superOptions] = fields.slice(fields.indexOf("-", 6) + 1);
  if (fields.indexOf("-", 6) < 0 || root === undefined || mountPoint === undefined || fsType === undefined) return [];
  if (!/^\d+$/.test(id ?? "") || !/^\d+$/.test(parent ?? "")) return [];
  return [
    {
      id: Number(id),
      parent: Number(parent),
      root: unescapeOctal(root),
      mountPoint: unescapeOctal(mountPoint),
      options: (options ?? "").split(","),
      fsType,
      source: unescapeOctal(source ?? ""),
      superOptions: (superOptions ?? "").split(","),
    },
  ];
}

/** Space, tab, newline and backslash are written as three octal digits. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Folders that are always empty: what is mounted on them hides nothing (proc_create_mount_point() in the kernel). */
const EMPTY_FOLDERS: readonly string[] = ["/proc/sys/fs/binfmt_misc", "/proc/fs/nfsd", "/proc/openprom"];

/**
 * What lies over /proc and hides a part of it. In a new user namespace these mounts are locked, and a fresh procfs, which would
 * show what they hide, is refused with EPERM ("VFS: Mount too revealing", mnt_already_visible() in fs/namespace.c).
 */
export function procMasks(mounts: readonly MountInfo[]): readonly string[] {
  const points = mounts.map(({ mountPoint }) => mountPoint).filter((point) => point.startsWith("/proc/"));
  return [...new Set(points.filter((point) => !EMPTY_FOLDERS.includes(point)))];
}

export type RootMount =
  /** The root folder is no mount: this process was put there by chroot(2), in which no user namespace can be created (EPERM, clone(2)). */
  | { readonly kind: "chroot" }
  /** The namespace's own root, as the initial ramfs is: mounted on nothing, so that pivot_root(2) cannot replace it (EINVAL). */
  | { readonly kind: "initramfs" }
  | { readonly kind: "mount"; readonly fsType: string };

/** `undefined` when mountinfo could not be read. */
export function rootMount(mounts: readonly MountInfo[]): RootMount | undefined {
  if (mounts.length === 0) return undefined;
  const root = mounts.findLast(({ mountPoint }) => mountPoint === "/");
  if (!root) return { kind: "chroot" };
  return root.id === root.parent ? { kind: "initramfs" } : { kind: "mount", fsType: root.fsType };
}
