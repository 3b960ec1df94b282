// The slow way of ensure_rootfs.ts, loaded when the store has not got what is asked for: hash or fetch, verify, unpack.
import { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, open, read, S_IFMT, S_IFREG, type Stat, stat } from "../ffi/file.ts";
import { rewind } from "../ffi/path_at.ts";
import type { EmbeddedAlpine } from "./alpine/embedded.ts";
import { DEFAULT_MIRROR, fetchAlpine } from "./alpine/fetch.ts";
import type { AlpineRelease } from "./alpine/releases.ts";
import type { RootfsOptions } from "./ensure_rootfs.ts";
import { explainFailure } from "./explain_failure.ts";
import { RootfsError } from "./rootfs_error.ts";
import { digestName } from "./store/layout.ts";
import { addIndex, addRootfs, type Workplace } from "./store/store.ts";
import { extract } from "./tar/extract.ts";

const CHUNK = 1 << 18;
/** CONFIG_HZ is 100 at least, so a tick is 10 ms at most. In milliseconds. */
const LONGEST_TICK = 20;

/** The tree of a pinned release, from the tarball in the program when that is the one, else from the mirror. */
export async function fillFromAlpine(release: AlpineRelease, options: RootfsOptions): Promise<string> {
  const object = `alpine:${release.version}`;
  const { embedded, progress } = options;
  const inside = embedded?.version === release.version && embedded.arch === release.arch ? embedded : undefined;
  const make = async (place: Workplace): Promise<void> => {
    if (inside) await unpackEmbedded(inside, release, place, options, object);
    else await downloadAndUnpack(release, place, options, object);
  };
  const waiting = (): void => progress?.({ kind: "waiting", object });
  const path = await explained("unpack", object, options, () =>
    addRootfs(options.store, digestName("sha512", release.sha512), make, waiting),
  );
  progress?.({ kind: "finished" });
  return path;
}

/** The tree of a tarball: its digest is looked for first, since a copy of it may have been unpacked before. */
export async function fillFromTarball(path: string, options: RootfsOptions): Promise<string> {
  const { store, progress } = options;
  return await explained("unpack", path, options, async () => {
    progress?.({ kind: "unpack", object: path });
    using file = open(path, O_RDONLY);
    const before = regularFile(file.number, path);
    await outwaitTick(before, options.now);
    const hex = await drain(hashed(chunksOf(file.number, path), "sha256"));
    const digest = digestName("sha256", hex);
    const make = async ({ root }: Workplace): Promise<void> => {
      const again = hashed(chunksOf(file.number, path), "sha256");
      await extract(again.chunks, root, { limits: options.limits });
      if (again.hex() !== hex) throw changed(path);
    };
    const found = await addRootfs(store, digest, make, () => progress?.({ kind: "waiting", object: path }));
    remember(store, file.number, before, digest, path);
    progress?.({ kind: "finished" });
    return found;
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
  { progress, limits }: RootfsOptions,
  object: string,
): Promise<void> {
  progress?.({ kind: "unpack", object });
  const tarball = await embedded.read();
  const digest = new Bun.CryptoHasher("sha512").update(tarball).digest("hex");
  if (digest !== release.sha512)
    throw new RootfsError(
      "use",
      object,
      "the tarball in this program has not the pinned digest: the program is damaged",
      "Install it again",
    );
  await extract(one(tarball), place.root, { limits });
}

async function downloadAndUnpack(
  release: AlpineRelease,
  place: Workplace,
  { mirror = DEFAULT_MIRROR, progress, limits }: RootfsOptions,
  object: string,
): Promise<void> {
  using file = open("tarball", O_RDWR | O_CREAT | O_EXCL, 0o600, place.scratch);
  const told = (bytes: number, total: number | undefined): void =>
    progress?.({ kind: "download", object, bytes, total });
  await fetchAlpine(release, file.number, { mirror, progress: told });
  progress?.({ kind: "unpack", object });
  await extract(chunksOf(file.number, object), place.root, { limits });
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

/** The file from its start, whatever has been read of it. */
async function* chunksOf(fd: number, path: string): AsyncGenerator<Uint8Array, void, void> {
  rewind(fd, path);
  for (;;) {
    const chunk = new Uint8Array(CHUNK);
    const length = read(fd, path, chunk);
    if (length === 0) return;
    yield chunk.subarray(0, length);
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
