// Who owns a file, written down where it cannot be so: without a range of subordinate ids everything unpacked belongs to
// the caller. The attribute's name and form are those of containers/storage and fuse-overlayfs, not ones of our own, so
// that a tree made here is presented rightly by them and the other way round: `UID:GID:MODE`, MODE in octal, and of
// devices `:char-MAJOR-MINOR` or `:block-MAJOR-MINOR` after it.
//
// Symbolic links and FIFOs can have no `user.` attribute (xattr(7)), so theirs is not recorded.

export const OVERRIDE_STAT = "user.containers.override_stat";

export type OverrideStat = {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly device?: { readonly type: "character" | "block"; readonly major: number; readonly minor: number };
};

export function encodeOverrideStat({ uid, gid, mode }: OverrideStat): Uint8Array {
  return new TextEncoder().encode(`${uid}:${gid}:0${(mode & 0o7777).toString(8)}`);
}

/** `undefined` for a value of no known form: whoever may write to the file may have put anything there. */
export function decodeOverrideStat(value: Uint8Array): OverrideStat | undefined {
  const text = new TextDecoder().decode(value);
  const match = /^(\d{1,10}):(\d{1,10}):([0-7]{1,7})(?::(?:(char|block)-(\d{1,7})-(\d{1,7})|[a-z]+))?$/.exec(text);
  if (!match) return undefined;
  const [, uid, gid, mode = "", kind, major, minor] = match;
  const stat = { uid: Number(uid), gid: Number(gid), mode: Number.parseInt(mode, 8) & 0o7777 };
  if (kind === undefined) return stat;
  const type = kind === "char" ? "character" : "block";
  return { ...stat, device: { type, major: Number(major), minor: Number(minor) } };
}
