// Where things are in the store, and the look-ups that answer without making anything. On the start path of `run`: a
// handful of system calls, nothing imported but ffi and the shared lock (in_use.ts).
//
//   version              `1`. A store of another format is refused before anything is made in it
//   rootfs/TREE/         root: the unpacked tree of a tarball or an Alpine release; tree: its description. TREE is DIGEST
//                        where all files are the caller's, else DIGEST-range-MAP
//   layers/KEY/          root: one layer of an image, deletions in overlayfs' form; tree: its description.
//                        KEY is the diffID and the form of its owners, so one layer is stored once a form
//   blobs/ALGORITHM/HEX  bytes with that digest: manifests, configs, and layers as they were sent (see below)
//   images/HEX           one name of an image: JSON; HEX is the sha256 of the name, which may be longer than a file's. A step of a
//                        recipe has the name recipe:KEY, which keeps it for a week after its last use (prune.ts)
//   index/FILE           a symbolic link whose text is the DIGEST of the tarball with that identity
//   persist/NAME/        upper and work of a persistent environment; base: what it was made on
//   snapshots/NAME/TAG/  upper and base of an environment as they were
//   tmp/KEY/             work in progress of the process that holds lock/KEY; garbage when none does, but for
//                        tmp/blob-*, the beginning of a download, which the next one goes on with
//   lock/KEY             flock(2): it goes with its holder, however that ends
//
// All folders are 0700, so setuid files in them are out of others' reach. An object enters by one rename of what is complete and
// flushed, and leaves by one rename into tmp/. What is in use is told by a shared flock on the object's own
// folder (in_use.ts): a descriptor that the waiter keeps, nothing written.
//
// Layers are kept compressed as well. It costs about two fifths of their unpacked size, and pays with `image save` and `push` that are exact
// to the byte, and with repairs and changes of the form of owners that need no network. `system prune` drops them on request.
import { readlink, type Stat } from "../../ffi/file.ts";
import { type InUse, useFolder } from "./in_use.ts";

/** Of everything in the store. Raised when an older program could not read it. */
export const STORE_VERSION = 1;

/** `sha256-HEX` of a tarball's bytes, or `sha512-HEX` cut to 64 digits. */
export type Digest = string;

/** `sha256:HEX` or `sha512:HEX`, as the OCI image-spec writes them ("Digests"). */
export type ContentDigest = `${"sha256" | "sha512"}:${string}`;

/** Whose the files of a layer are on the disk; `range` is laid out by the map of ids that they were unpacked under. */
export type Ownership = { readonly kind: "single" } | { readonly kind: "range"; readonly map: string };

/** Name of a folder of rootfs/. */
export type TreeName = string;

/** Name of a folder of layers/. */
export type LayerKey = string;

const DIGEST = /^sha(256|512)-[0-9a-f]{64}$/;
const TREE_NAME = /^sha(256|512)-[0-9a-f]{64}(-range-[0-9a-f]{16})?$/;
const CONTENT_DIGEST = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
const LAYER_KEY = /^(sha256-[0-9a-f]{64}|sha512-[0-9a-f]{128})-(single|range-[0-9a-f]{16})$/;

/** 256 of the 512 bits are as hard to meet by chance or by will as a sha256, and keep paths in messages readable. */
export function digestName(algorithm: "sha256" | "sha512", hex: string): Digest {
  return `${algorithm}-${hex.slice(0, 64)}`;
}

export function isTreeName(text: string): text is TreeName {
  return TREE_NAME.test(text);
}

export function treeName(digest: Digest, ownership: Ownership): TreeName {
  return ownership.kind === "single" ? digest : `${digest}-range-${sha256(ownership.map).slice(0, 16)}`;
}

export function isContentDigest(text: unknown): text is ContentDigest {
  return typeof text === "string" && CONTENT_DIGEST.test(text);
}

export function isLayerKey(text: string): text is LayerKey {
  return LAYER_KEY.test(text);
}

/** The unpacked tree in use from now on, or `undefined` when it is not in the store. Three system calls, nothing written. */
export function findRootfs(store: string, name: TreeName): InUse | undefined {
  return useFolder(`${store}/rootfs/${name}`);
}

/** One layer in use from now on, or `undefined`. */
export function findLayer(store: string, key: LayerKey): InUse | undefined {
  return useFolder(`${store}/layers/${key}`);
}

export function layerKey(diffID: ContentDigest, ownership: Ownership): LayerKey {
  const name = diffID.replace(":", "-");
  return ownership.kind === "single" ? `${name}-single` : `${name}-range-${sha256(ownership.map).slice(0, 16)}`;
}

export function diffIDOf(key: LayerKey): ContentDigest {
  const [algorithm, hex] = key.split("-");
  return `${algorithm === "sha512" ? "sha512" : "sha256"}:${hex}`;
}

export function blobPath(store: string, digest: ContentDigest): string {
  return `${store}/blobs/${digest.replace(":", "/")}`;
}

export function imagePath(store: string, name: string): string {
  return `${store}/images/${sha256(name)}`;
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

function sha256(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}
