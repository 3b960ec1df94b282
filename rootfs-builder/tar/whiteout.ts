// Names that a layer takes away from the layers below. The OCI image spec (layer.md, "Whiteouts") has them as empty files
// `.wh.NAME`, and `.wh..wh..opq` for all of a folder; overlayfs as character devices 0:0 or, since Linux 6.7, as empty
// files with an attribute `overlay.whiteout` in a folder with `overlay.opaque=x`, and as `overlay.opaque=y` on the folder
// (overlayfs.rst, "whiteouts and opaque directories"). The attributes are `user.` ones, for mounts with `userxattr`.
import { O_NOFOLLOW, O_NONBLOCK, O_RDONLY, RESOLVE_BENEATH, S_IFCHR, S_IFMT, S_IFREG } from "../../ffi/file.ts";
import { type FileStat, openBeneath } from "../../ffi/path_at.ts";
import { fgetxattr, listxattr } from "../../ffi/xattr.ts";
import { pathBytes, pathText } from "./member_path.ts";

export const OPAQUE_XATTR = "user.overlay.opaque";
export const WHITEOUT_XATTR = "user.overlay.whiteout";
const OPAQUE = ".wh..wh..opq";
export const OPAQUE_NAME: Uint8Array = pathBytes(OPAQUE);
const PREFIX = ".wh.";
/** Names that aufs kept its own records under, left in old images. */
const AUFS_PREFIX = ".wh..wh.";

export type WhiteoutName =
  | { readonly kind: "none" }
  | { readonly kind: "opaque" }
  /** Nothing of it is to be made. */
  | { readonly kind: "ignored" }
  /** A whiteout of a name that nothing can have, or something below a whiteout. */
  | { readonly kind: "refused" }
  | { readonly kind: "whiteout"; readonly name: string };

/** What a name of an OCI layer means. `components` as of member_path.ts. */
export function whiteoutOf(components: readonly string[]): WhiteoutName {
  if (!components.some((component) => component.startsWith(PREFIX))) return { kind: "none" };
  const last = components.at(-1) ?? "";
  if (last === OPAQUE) return { kind: components.length === 1 ? "opaque" : kindBelow(components) };
  if (components.some((component) => component.startsWith(AUFS_PREFIX))) return { kind: "ignored" };
  const name = last.slice(PREFIX.length);
  if (kindBelow(components) === "refused" || ["", ".", ".."].includes(name)) return { kind: "refused" };
  return { kind: "whiteout", name };
}

/** Of an opaque mark; its folder may be no whiteout itself. */
function kindBelow(components: readonly string[]): "opaque" | "refused" | "ignored" {
  const above = components.slice(0, -1);
  if (above.some((component) => component.startsWith(AUFS_PREFIX))) return "ignored";
  return above.some((component) => component.startsWith(PREFIX)) ? "refused" : "opaque";
}

/** The OCI name of a whiteout of `name`. */
export function whiteoutName(name: Uint8Array): Uint8Array {
  return pathBytes(PREFIX + pathText(name));
}

/** Is this file of an overlay's upper folder a whiteout, of either kind? */
export function isWhiteout(at: number, name: Uint8Array, found: FileStat): boolean {
  const type = found.mode & S_IFMT;
  if (type === S_IFCHR) return found.deviceMajor === 0 && found.deviceMinor === 0;
  if (type !== S_IFREG || found.size > 0) return false;
  using fd = openBeneath(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, RESOLVE_BENEATH);
  return fd !== undefined && listxattr(fd.number, "whiteout").includes(WHITEOUT_XATTR);
}

/** Does this folder of an overlay's upper folder hide all of the same name below? */
export function isOpaque(fd: number): boolean {
  if (!listxattr(fd, "folder").includes(OPAQUE_XATTR)) return false;
  return new TextDecoder().decode(fgetxattr(fd, "folder", OPAQUE_XATTR)) === "y";
}
