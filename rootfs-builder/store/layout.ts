// Where things are in the store, and the look-ups that answer without making anything. On the start path of `run`: a
// handful of system calls, nothing imported but ffi.
//
//   rootfs/DIGEST/root   an unpacked tree; its parents are 0700, so setuid files in it are out of others' reach
//   index/FILE           a symbolic link whose text is the DIGEST of the tarball with that identity
//   tmp/DIGEST/          work in progress of the process that holds lock/DIGEST; garbage when none does
//   lock/DIGEST          flock(2): it goes with its holder, however that ends
import { readlink, S_IFDIR, S_IFMT, type Stat, stat } from "../../ffi/file.ts";

/** `sha256-HEX` of a tarball's bytes, or `sha512-HEX` cut to 64 digits. */
export type Digest = string;

const DIGEST = /^sha(256|512)-[0-9a-f]{64}$/;

/** 256 of the 512 bits are as hard to meet by chance or by will as a sha256, and keep paths in messages readable. */
export function digestName(algorithm: "sha256" | "sha512", hex: string): Digest {
  return `${algorithm}-${hex.slice(0, 64)}`;
}

/** The root of an unpacked tree, or `undefined` when it is not in the store. One system call. */
export function findRootfs(store: string, digest: Digest): string | undefined {
  const path = rootfsPath(store, digest);
  const found = stat(path, false);
  return found && (found.mode & S_IFMT) === S_IFDIR ? path : undefined;
}

export function rootfsPath(store: string, digest: Digest): string {
  return `${store}/rootfs/${digest}/root`;
}

/** The digest of a tarball that was unpacked before and has not changed since. One system call. */
export function findDigest(store: string, tarball: Stat): Digest | undefined {
  const text = readlink(indexPath(store, tarball));
  return text !== undefined && DIGEST.test(text) ? text : undefined;
}

/** Any change of a file's content or name moves its ctime, which no caller can set back. */
export function indexPath(store: string, { identity, size, mtime, ctime }: Stat): string {
  return `${store}/index/${identity.replaceAll(":", "-")}-${size}-${mtime}-${ctime}`;
}
