// A root file system in the store, made the first time and found from then on. Finding is on the start path of `run`: three
// system calls for a release, five for a tarball, nothing written, no code loaded but what is imported here.
import type { Fd } from "../ffi/fd.ts";
import { type Stat, stat } from "../ffi/file.ts";
import { type EmbeddedAlpine, embeddedAlpine } from "./alpine/embedded.ts";
import { findAlpine } from "./alpine/find_alpine.ts";
import type { AlpineArch } from "./alpine/releases.ts";
import type { Progress } from "./progress.ts";
import { RootfsError } from "./rootfs_error.ts";
import type { RunJob } from "./store/job.ts";
import { findDigest, findRootfs, type Ownership, type TreeName, treeName } from "./store/layout.ts";
import type { ExtractLimits } from "./tar/extract.ts";

export type RootfsSource =
  /** `version` as after `alpine:`; empty for the one in the program, else the newest. */
  | { readonly kind: "alpine"; readonly version: string }
  /** A tar file: plain, gzip, zstd or xz, told by its content. */
  | { readonly kind: "tar"; readonly path: string };

export type Rootfs = {
  /** Absolute, of a folder that nobody may write to: it is shared by all sandboxes that use it. */
  readonly path: string;
  /** For people: `alpine:3.22.6`, or the tarball's path as given. */
  readonly name: string;
  /** Its name in the store: what it was unpacked from, and in which form of owners. */
  readonly tree: TreeName;
  /** Keeps the tree in the store for as long as it is open; whoever runs in it keeps it that long. */
  readonly lock: Fd;
};

export type RootfsOptions = {
  /** Absolute path of the store; made, with its parents, when it is first needed. */
  readonly store: string;
  readonly arch: AlpineArch;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** What the program carries; {@link embeddedAlpine} by default. */
  readonly embedded?: EmbeddedAlpine | undefined;
  /** Address of a mirror, e.g. `https://dl-cdn.alpinelinux.org/alpine`, the default. */
  readonly mirror?: string | undefined;
  readonly progress?: ((progress: Progress) => void) | undefined;
  readonly limits?: ExtractLimits | undefined;
  /** Whose the files are. `single`, the default: all are the caller's. `range` takes a `run` that can be root in a namespace. */
  readonly ownership?: Ownership | undefined;
  /** Does what is done to the files; performJob by default. */
  readonly run?: RunJob | undefined;
};

const SINGLE: Ownership = { kind: "single" };

/**
 * The unpacked root of `source`. Any number of callers may ask for the same at the same time. Throws {@link RootfsError}
 * when it cannot be had; the store then holds nothing of it.
 */
export async function ensureRootfs(source: RootfsSource, options: RootfsOptions): Promise<Rootfs> {
  switch (source.kind) {
    case "alpine":
      return await ensureAlpine(source.version, options);
    case "tar":
      return await ensureTarball(source.path, options);
  }
}

async function ensureAlpine(text: string, options: RootfsOptions): Promise<Rootfs> {
  const embedded = options.embedded ?? embeddedAlpine();
  const { release, tree, found } = findAlpine(text, { ...options, embedded });
  const name = `alpine:${release.version}`;
  if (found !== undefined) return { ...found, name, tree };
  const { fillFromAlpine } = await import("./fill_store.ts");
  return { ...(await fillFromAlpine(release, tree, { ...options, embedded })), name, tree };
}

async function ensureTarball(path: string, options: RootfsOptions): Promise<Rootfs> {
  const ownership = options.ownership ?? SINGLE;
  const digest = findDigest(options.store, statTarball(path));
  const tree = digest === undefined ? undefined : treeName(digest, ownership);
  const found = tree === undefined ? undefined : findRootfs(options.store, tree);
  if (tree !== undefined && found !== undefined) return { ...found, name: path, tree };
  const { fillFromTarball } = await import("./fill_store.ts");
  return { ...(await fillFromTarball(path, ownership, options)), name: path };
}

function statTarball(path: string): Stat {
  const found = stat(path);
  if (found) return found;
  throw new RootfsError("unpack", path, "there is no such file");
}
