// Bytes by their digest. A blob is in its place only when all of it has been verified and is on the disk; until then its beginning
// lies in tmp/, where the next download goes on with it, however the last one ended.
import { ERRNO } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import {
  AT_FDCWD,
  O_CREAT,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  open,
  readAll,
  rename,
  stat,
  unlinkat,
  writeAll,
} from "../../ffi/file.ts";
import { syncFile } from "../../ffi/node_at.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { RootfsError } from "../rootfs_error.ts";
import { fileChunks } from "./file_chunks.ts";
import { blobPath, type ContentDigest } from "./layout.ts";
import { takeLock } from "./lock.ts";

export type StoredDescriptor = { readonly mediaType: string; readonly digest: ContentDigest; readonly size: number };

/** Fills the file, which may hold the blob's beginning, with the blob, verified; or throws and leaves a beginning, or nothing. */
export type Download = (file: number) => Promise<void>;

/** The blob, or `undefined` when it is not in the store, or not whole. */
export function openBlob(store: string, { digest, size }: Pick<StoredDescriptor, "digest" | "size">): Fd | undefined {
  const path = blobPath(store, digest);
  if (stat(path, false)?.size !== size) return undefined;
  return open(path, O_RDONLY);
}

/**
 * The blob, opened: from the store, else by `download`. One process downloads, others wait after a call of `waiting`. `undefined` when
 * `needed` says, once this is the one to download, that the blob is of no use any more.
 */
export async function addBlob(
  store: string,
  descriptor: StoredDescriptor,
  download: Download,
  { needed, waiting }: { readonly needed: () => boolean; readonly waiting: () => void },
): Promise<{ readonly file: Fd; readonly cached: boolean } | undefined> {
  const there = openBlob(store, descriptor);
  if (there) return { file: there, cached: true };
  const name = `blob-${descriptor.digest.replace(":", "-")}`;
  using _lock = await takeLock(store, name, waiting);
  const since = openBlob(store, descriptor);
  if (since) return { file: since, cached: true };
  if (!needed()) return undefined;
  const partial = `${store}/tmp/${name}`;
  using file = open(partial, O_RDWR | O_CREAT, 0o600);
  await download(file.number);
  syncFile(file.number, name);
  rename(AT_FDCWD, partial, AT_FDCWD, blobPath(store, descriptor.digest));
  return { file: file.dup(), cached: false };
}

/** Puts a small blob into the store: a manifest, a config. One that is there and damaged is replaced. */
export async function putBlob(store: string, digest: ContentDigest, bytes: Uint8Array): Promise<void> {
  if (hashOf(digest, bytes) !== digest) throw new Error(`the bytes for ${digest} are others`);
  const name = `put-${digest.replace(":", "-")}`;
  using _lock = await takeLock(store, name);
  if (tryReading(store, digest, bytes.length)) return;
  using file = open(`${store}/tmp/${name}`, O_RDWR | O_CREAT | O_TRUNC, 0o600);
  writeAll(file.number, name, bytes);
  syncFile(file.number, name);
  rename(AT_FDCWD, `${store}/tmp/${name}`, AT_FDCWD, blobPath(store, digest));
}

/** A small blob, verified. Throws {@link RootfsError} where it is missing or damaged. */
export function readBlob(store: string, { digest, size }: StoredDescriptor, object: string): Uint8Array {
  const bytes = tryReading(store, digest, size);
  if (bytes) return bytes;
  throw new RootfsError(
    "read",
    object,
    `${blobPath(store, digest)} is missing or damaged`,
    "Pull it again; sandbox system check tells what else is wrong",
  );
}

/** Reads it all: does the blob at its place have its digest? */
export async function verifyBlob(store: string, digest: ContentDigest): Promise<boolean> {
  const path = blobPath(store, digest);
  using file = open(path, O_RDONLY);
  const hasher = new Bun.CryptoHasher(algorithmOf(digest));
  for await (const chunk of fileChunks(file.number, path)) hasher.update(chunk);
  return `${algorithmOf(digest)}:${hasher.digest("hex")}` === digest;
}

/** One that is not there is fine. */
export function removeBlob(store: string, digest: ContentDigest): void {
  try {
    unlinkat(AT_FDCWD, blobPath(store, digest));
  } catch (error) {
    if (!(error instanceof SyscallError && error.errno === ERRNO.ENOENT)) throw error;
  }
}

export function algorithmOf(digest: ContentDigest): "sha256" | "sha512" {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

export function hashOf(like: ContentDigest, bytes: Uint8Array): ContentDigest {
  const algorithm = algorithmOf(like);
  return `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}`;
}

function tryReading(store: string, digest: ContentDigest, size: number): Uint8Array | undefined {
  using file = openBlob(store, { digest, size });
  const bytes = file && readAll(file.number, digest, size);
  return bytes && hashOf(digest, bytes) === digest ? bytes : undefined;
}
