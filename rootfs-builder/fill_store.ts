// The slow way of ensure_rootfs.ts, loaded when the store has not got what is asked for: hash or fetch, verify, unpack.
import { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, open, S_IFMT, S_IFREG, type Stat, stat, writeAll } from "../ffi/file.ts";
import type { EmbeddedAlpine } from "./alpine/embedded.ts";
import { DEFAULT_MIRROR, fetchAlpine } from "./alpine/fetch.ts";
import type { AlpineRelease } from "./alpine/releases.ts";
import type { RootfsOptions } from "./ensure_rootfs.ts";
import { explainFailure } from "./explain_failure.ts";
import { RootfsError } from "./rootfs_error.ts";
import { fileChunks } from "./store/file_chunks.ts";
import type { InUse } from "./store/in_use.ts";
import type { RunJob } from "./store/job.ts";
import { digestName, type Ownership, type TreeName, treeName } from "./store/layout.ts";
import { performJob } from "./store/perform_job.ts";
import { type AddOptions, addIndex, addRootfs, type Workplace } from "./store/store.ts";
import { writeTree } from "./store/tree_file.ts";
import { DEFAULT_EXTRACT_LIMITS, type ExtractLimits, extract } from "./tar/extract.ts";

const CHUNK = 1 << 18;
/** CONFIG_HZ is 100 at least, so a tick is 10 ms at most. In milliseconds. */
const LONGEST_TICK = 20;

/** The tree of a pinned release, from the tarball in the program when that is the one, else from the mirror. */
export async function fillFromAlpine(release: AlpineRelease, tree: TreeName, options: RootfsOptions): Promise<InUse> {
  const object = `alpine:${release.version}`;
  const { embedded, progress } = options;
  const inside = embedded?.version === release.version && embedded.arch === release.arch ? embedded : undefined;
  const make = async (place: Workplace): Promise<void> => {
    if (inside) await unpackEmbedded(inside, release, place, options, object);
    else await downloadAndUnpack(release, place, options, object);
  };
  const found = await explained("unpack", object, options, () => addRootfs(tree, adding(object, options), make));
  progress?.({ kind: "finished" });
  return found;
}

/** The tree of a tarball: its digest is looked for first, since a copy of it may have been unpacked before. */
export async function fillFromTarball(
  path: string,
  ownership: Ownership,
  options: RootfsOptions,
): Promise<InUse & { readonly tree: TreeName }> {
  const { store, progress } = options;
  return await explained("unpack", path, options, async () => {
    progress?.({ kind: "unpack", object: path });
    using file = open(path, O_RDONLY);
    const before = regularFile(file.number, path);
    await outwaitTick(before, options.now);
    const hex = await drain(hashed(fileChunks(file.number, path), "sha256"));
    const digest = digestName("sha256", hex);
    const make = async (place: Workplace): Promise<void> => {
      const again = hashed(fileChunks(file.number, path), "sha256");
      await fill(place, again.chunks, options, path);
      if (again.hex() !== hex) throw changed(path);
    };
    const tree = treeName(digest, ownership);
    const found = await addRootfs(tree, adding(path, options), make);
    remember(store, file.number, before, digest, path);
    progress?.({ kind: "finished" });
    return { ...found, tree };
  });
}

/** A file that changed meanwhile is not remembered: its next use will hash it anew. */
function remember(store: string, fd: number, before: Stat, digest: string, path: string): void {
  const after = regularFile(fd, path);
  if (after.ctime === before.ctime && after.size === before.size) addIndex(store, after, digest);
}

/**
 * Two changes within one tick of the kernel's clock give a file the same time stamps, so hashing waits until that tick is
 * over. Not longer: the stamp may be of another machine's clock.
 */
async function outwaitTick({ ctime }: Stat, now: () => number): Promise<void> {
  const age = now() - Number(BigInt(ctime) / 1_000_000n);
  if (age < LONGEST_TICK) await Bun.sleep(Math.min(LONGEST_TICK, LONGEST_TICK - age));
}

function changed(path: string): RootfsError {
  return new RootfsError("unpack", path, "it changed while it was being read", "Run again when it is complete");
}

function regularFile(fd: number, path: string): Stat {
  const found = stat("", true, fd);
  if (found && (found.mode & S_IFMT) === S_IFREG) return found;
  throw new RootfsError(
    "unpack",
    path,
    "it is no regular file",
    "Give a tar file (plain, gzip, zstd or xz) or a folder",
  );
}

async function unpackEmbedded(
  embedded: EmbeddedAlpine,
  release: AlpineRelease,
  place: Workplace,
  options: RootfsOptions,
  object: string,
): Promise<void> {
  options.progress?.({ kind: "unpack", object });
  const tarball = await embedded.read();
  const digest = new Bun.CryptoHasher("sha512").update(tarball).digest("hex");
  if (digest !== release.sha512)
    throw new RootfsError(
      "use",
      object,
      "the tarball in this program has not the pinned digest: the program is damaged",
      "Install it again",
    );
  await fill(place, one(tarball), options, object);
}

async function downloadAndUnpack(
  release: AlpineRelease,
  place: Workplace,
  options: RootfsOptions,
  object: string,
): Promise<void> {
  const { mirror = DEFAULT_MIRROR, progress } = options;
  using file = open("tarball", O_RDWR | O_CREAT | O_EXCL, 0o600, place.scratch);
  const told = (bytes: number, total: number | undefined): void =>
    progress?.({ kind: "download", object, bytes, total });
  await fetchAlpine(release, file.number, { mirror, progress: told });
  progress?.({ kind: "unpack", object });
  await fill(place, fileChunks(file.number, object), options, object);
}

async function fill(
  place: Workplace,
  archive: AsyncIterable<Uint8Array>,
  { limits = DEFAULT_EXTRACT_LIMITS, ownership, run = performJob }: RootfsOptions,
  object: string,
): Promise<void> {
  if (ownership?.kind === "range") return await fillElsewhere(place, archive, limits, run, object);
  await extract(archive, place.root, { limits });
  writeTree(place.root, place.tree);
}

/** By a process that gets the archive as a file: the bytes that have been hashed here, whatever becomes of the tarball. */
async function fillElsewhere(
  { root, tree, scratch, lock }: Workplace,
  archive: AsyncIterable<Uint8Array>,
  limits: ExtractLimits,
  run: RunJob,
  object: string,
): Promise<void> {
  using copy = open("archive", O_RDWR | O_CREAT | O_EXCL, 0o600, scratch);
  for await (const chunk of archive) writeAll(copy.number, object, chunk);
  const place = { archive: copy.number, root, tree, limits, object };
  await run({ kind: "unpack", ...place, whiteouts: "plain", ownership: "set", algorithm: "sha256" }, [lock]);
}

function adding(object: string, { store, progress, run }: RootfsOptions): AddOptions {
  return { store, run: run ?? performJob, waiting: () => progress?.({ kind: "waiting", object }) };
}

/** All failures of this room leave it as RootfsError. */
async function explained<T>(step: string, object: string, options: RootfsOptions, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    options.progress?.({ kind: "finished" });
    throw explainFailure(error, step, object, options.store);
  }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += CHUNK) yield bytes.subarray(at, at + CHUNK);
}

function hashed(source: AsyncIterable<Uint8Array>, algorithm: "sha256") {
  const hasher = new Bun.CryptoHasher(algorithm);
  async function* chunks(): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of source) {
      hasher.update(chunk);
      yield chunk;
    }
  }
  return { chunks: chunks(), hex: (): string => hasher.digest("hex") };
}

async function drain({ chunks, hex }: ReturnType<typeof hashed>): Promise<string> {
  for await (const _ of chunks);
  return hex();
}
