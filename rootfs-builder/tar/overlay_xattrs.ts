// Which extended attributes may cross between an archive and a file system. A layer that could write the marks of
// overlayfs (Documentation/filesystems/overlayfs.rst) would redirect names of its own to any in the layers below, so
// they are escaped on the way in as the kernel escapes them ("Nesting overlayfs mounts"): `user.overlay.X` becomes
// `user.overlay.overlay.X`, which a mount shows as `user.overlay.X` again, and which is turned back on the way out.
import { OVERRIDE_STAT } from "./override_stat.ts";

const OVERLAY = "user.overlay.";
const ESCAPED = "user.overlay.overlay.";
const CAPABILITY = "security.capability";

/** The name on disk of an archive's attribute; `undefined` for one that is not taken: it needs privileges, or is a mark of ours. */
export function xattrOnDisk(name: string): string | undefined {
  if (name === OVERRIDE_STAT) return undefined;
  if (name.startsWith(OVERLAY)) return `${ESCAPED}${name.slice(OVERLAY.length)}`;
  return name.startsWith("user.") || name === CAPABILITY ? name : undefined;
}

/** The name in an archive of an attribute on disk; `undefined` for one that stays behind. */
export function xattrInArchive(name: string): string | undefined {
  if (name === OVERRIDE_STAT) return undefined;
  if (name.startsWith(ESCAPED)) return `${OVERLAY}${name.slice(ESCAPED.length)}`;
  if (name.startsWith(OVERLAY)) return undefined;
  return name.startsWith("user.") || name === CAPABILITY ? name : undefined;
}

/** Up to the first dot, as xattr(7) has it; the few that there are by name, so that an archive cannot make up a thousand. */
export function xattrNamespace(name: string): string {
  if (name === CAPABILITY) return CAPABILITY;
  return NAMESPACES.find((namespace) => name.startsWith(`${namespace}.`)) ?? "other";
}

const NAMESPACES = ["user", "trusted", "security", "system"];

/**
 * linux/capability.h: revision 3 holds the root user that it counts for, by an id of this machine. An archive has it as
 * revision 2, which counts for whoever is root where it is unpacked.
 */
export function portableCapability(value: Uint8Array): Uint8Array {
  if (value.length !== 24 || value[3] !== 3) return value;
  const portable = value.slice(0, 20);
  portable[3] = 2;
  return portable;
}
