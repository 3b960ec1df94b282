// An image into the store: its layers are downloaded side by side and unpacked as they come, each into a folder of its own that
// other images share; the name is given last, in one swap, so until then nothing has happened for any reader. A process that
// is killed leaves whole layers, which the next pull finds, and beginnings of downloads, which it goes on with.
import type { Fd } from "../ffi/fd.ts";
import { explainFailure } from "./explain_failure.ts";
import { RootfsError } from "./rootfs_error.ts";
import { addBlob, algorithmOf, putBlob, removeBlob, type StoredDescriptor, verifyBlob } from "./store/blobs.ts";
import { removeLeftovers } from "./store/garbage.ts";
import { changingImages, type ImageRecord, refuseName, writeRecord } from "./store/images.ts";
import type { InUse } from "./store/in_use.ts";
import type { RunJob, UnpackLimits } from "./store/job.ts";
import { type ContentDigest, findLayer, isContentDigest, layerKey, type Ownership } from "./store/layout.ts";
import { openStore } from "./store/open_store.ts";
import { addLayer } from "./store/store.ts";
import { TarError } from "./tar/tar_error.ts";

/** As resolve_image.ts gives it, and no more of that than is needed. */
export type ImageToPull = {
  readonly manifestDescriptor: SourceDescriptor;
  readonly manifestBytes: Uint8Array;
  readonly manifest: { readonly config: SourceDescriptor };
  readonly configBytes: Uint8Array;
  /** Lowest first. */
  readonly layers: readonly { readonly descriptor: SourceDescriptor; readonly diffId: string }[];
};

export type SourceDescriptor = { readonly mediaType: string; readonly digest: string; readonly size: number };

export type PullSource<D extends SourceDescriptor = SourceDescriptor> = {
  /** For messages. */
  readonly name: string;
  resolve(): Promise<ImageToPull & { readonly layers: readonly { readonly descriptor: D; readonly diffId: string }[] }>;
  /** Fills `file`, which may hold the blob's beginning, with the whole blob, verified. `progress` is told the bytes that it holds. */
  download(descriptor: D, file: number, options: { readonly progress: (bytes: number) => void }): Promise<void>;
};

export type PullOptions = {
  readonly store: string;
  readonly ownership: Ownership;
  readonly run: RunJob;
  readonly limits: UnpackLimits;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Downloads side by side; 3 by default. */
  readonly parallel?: number;
  /** Keep the layers as they were sent? True by default. */
  readonly keepBlobs?: boolean;
  readonly progress?: (progress: PullProgress) => void;
};

export type PullProgress =
  | { readonly kind: "resolved"; readonly layers: readonly { readonly digest: string; readonly size: number }[] }
  | { readonly kind: "waiting" | "cached" | "unpack" | "done"; readonly layer: string }
  | { readonly kind: "download"; readonly layer: string; readonly bytes: number; readonly total: number }
  | { readonly kind: "finished" };

export type PulledImage = { readonly record: ImageRecord; readonly made: number; readonly found: number };

/** Throws {@link RootfsError}, and what the source throws. The name then leads where it led before. */
export async function pullImage<D extends SourceDescriptor>(
  name: string,
  source: PullSource<D>,
  options: PullOptions,
): Promise<PulledImage> {
  refuseName(name);
  try {
    openStore(options.store);
    return await pull(name, source, options);
  } catch (error) {
    throw explainFailure(error, "pull", name, options.store);
  }
}

async function pull<D extends SourceDescriptor>(
  name: string,
  source: PullSource<D>,
  options: PullOptions,
): Promise<PulledImage> {
  // A process that was killed right after its last layer came into its place has left what only a maker of layers would remove.
  await removeLeftovers(options.store, options.run);
  const image = await source.resolve();
  const { layers } = image;
  options.progress?.({
    kind: "resolved",
    layers: layers.map(({ descriptor: { digest, size } }) => ({ digest, size })),
  });
  const work = new Pull(source, options);
  try {
    const kinds = await work.layers(layers);
    const record = await nameImage(name, image, options);
    return {
      record,
      made: kinds.filter((kind) => kind === "made").length,
      found: kinds.filter((k) => k === "found").length,
    };
  } finally {
    work.release();
    options.progress?.({ kind: "finished" });
  }
}

/** Under the lock that a collector needs as well, so that manifest and config are not taken between their coming and the name's. */
async function nameImage(name: string, image: ImageToPull, { store, now }: PullOptions): Promise<ImageRecord> {
  const record: ImageRecord = {
    name,
    manifest: stored(image.manifestDescriptor, name),
    config: stored(image.manifest.config, name),
    layers: image.layers.map(({ descriptor, diffId }) => ({
      ...stored(descriptor, name),
      diffID: digestOf(diffId, name),
    })),
    stored: now(),
  };
  return await changingImages(store, async () => {
    await putBlob(store, record.manifest.digest, image.manifestBytes);
    await putBlob(store, record.config.digest, image.configBytes);
    writeRecord(store, record);
    return record;
  });
}

class Pull<D extends SourceDescriptor> {
  readonly #source: PullSource<D>;
  readonly #options: PullOptions;
  readonly #downloads: Slots;
  readonly #unpacks: Slots;
  /** Held until the image has its name: what no name leads to may be collected. */
  readonly #held: InUse[] = [];
  #failed = false;

  constructor(source: PullSource<D>, options: PullOptions) {
    this.#source = source;
    this.#options = options;
    this.#downloads = new Slots(options.parallel ?? 3);
    // In this process unpacking is one thread's work; elsewhere two can go on.
    this.#unpacks = new Slots(options.ownership.kind === "single" ? 1 : 2);
  }

  async layers(layers: readonly { readonly descriptor: D; readonly diffId: string }[]): Promise<("made" | "found")[]> {
    const distinct = [...new Map(layers.map((layer) => [layer.diffId, layer])).values()];
    const settled = await Promise.allSettled(
      distinct.map((layer) => this.#layer(layer.descriptor, digestOf(layer.diffId, this.#source.name))),
    );
    const failure = settled.find((result) => result.status === "rejected" && !(result.reason instanceof StoppedError));
    if (failure?.status === "rejected") throw failure.reason;
    return settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  }

  release(): void {
    for (const { lock } of this.#held) lock.close();
  }

  async #layer(descriptor: D, diffID: ContentDigest): Promise<"made" | "found"> {
    try {
      const kind = await this.#find(descriptor, diffID);
      this.#tell({ kind: kind === "made" ? "done" : "cached", layer: descriptor.digest });
      return kind;
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  async #find(descriptor: D, diffID: ContentDigest): Promise<"made" | "found"> {
    if (this.#hold(diffID)) return "found";
    for (let attempt = 1; ; attempt++) {
      const blob = await this.#downloads.run(() => this.#blob(descriptor, diffID));
      if (blob === undefined && this.#hold(diffID)) return "found";
      if (blob === undefined) continue;
      using file = blob.file;
      try {
        return await this.#unpacks.run(() => this.#unpack(descriptor, diffID, file));
      } catch (error) {
        // What was kept may have been damaged since: then it is the store's fault and not the image's, and is fetched anew.
        if (!blob.cached || attempt > 1 || !(error instanceof TarError || error instanceof RootfsError)) throw error;
        if (await verifyBlob(this.#options.store, digestOf(descriptor.digest, this.#source.name))) throw error;
        removeBlob(this.#options.store, digestOf(descriptor.digest, this.#source.name));
      }
    }
  }

  async #blob(
    descriptor: D,
    diffID: ContentDigest,
  ): Promise<{ readonly file: Fd; readonly cached: boolean } | undefined> {
    this.#goOn();
    const layer = descriptor.digest;
    const progress = (bytes: number): void => {
      this.#goOn();
      this.#tell({ kind: "download", layer, bytes, total: descriptor.size });
    };
    return await addBlob(
      this.#options.store,
      stored(descriptor, this.#source.name),
      (file) => this.#source.download(descriptor, file, { progress }),
      { needed: () => !this.#hold(diffID), waiting: () => this.#tell({ kind: "waiting", layer }) },
    );
  }

  async #unpack(descriptor: D, diffID: ContentDigest, file: Fd): Promise<"made" | "found"> {
    this.#goOn();
    const { store, run, ownership, limits, keepBlobs = true } = this.#options;
    const layer = descriptor.digest;
    const object = `layer ${shortDigest(layer)} of ${this.#source.name}`;
    let made = false;
    const waiting = (): void => this.#tell({ kind: "waiting", layer });
    const found = await addLayer(layerKey(diffID, ownership), { store, run, waiting }, async ({ root, tree, lock }) => {
      this.#tell({ kind: "unpack", layer });
      made = true;
      const job = {
        kind: "unpack",
        archive: file.number,
        root,
        tree,
        limits,
        whiteouts: "overlay",
        ownership: ownership.kind === "single" ? "record" : "set",
        algorithm: algorithmOf(diffID),
        object,
      } as const;
      const result = await run(job, [lock]);
      if (result.diffID !== diffID) throw wrongDiffID(object, diffID, result.diffID);
    });
    this.#held.push(found);
    if (!keepBlobs) removeBlob(store, digestOf(descriptor.digest, this.#source.name));
    return made ? "made" : "found";
  }

  /** True when the layer is in the store, and held from now on. */
  #hold(diffID: ContentDigest): boolean {
    const found = findLayer(this.#options.store, layerKey(diffID, this.#options.ownership));
    if (found) this.#held.push(found);
    return found !== undefined;
  }

  #goOn(): void {
    if (this.#failed) throw new StoppedError();
  }

  #tell(progress: PullProgress): void {
    this.#options.progress?.(progress);
  }
}

/** Of a layer whose sister has failed. */
class StoppedError extends Error {}

/** At most so many at once. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}

function stored({ mediaType, digest, size }: SourceDescriptor, object: string): StoredDescriptor {
  return { mediaType, digest: digestOf(digest, object), size };
}

function digestOf(text: string, object: string): ContentDigest {
  if (isContentDigest(text)) return text;
  throw new RootfsError("use", object, `${JSON.stringify(text.slice(0, 100))} is no digest`);
}

function shortDigest(digest: string): string {
  return `${digest.slice(0, "sha256:".length + 12)}...`;
}

function wrongDiffID(object: string, wanted: string, found: string): RootfsError {
  return new RootfsError(
    "unpack",
    object,
    `it unpacks to ${shortDigest(found)}, and the image's config says ${shortDigest(wanted)} (rootfs.diff_ids)`,
    "The image was put together wrongly: its maker has to push it again",
  );
}
