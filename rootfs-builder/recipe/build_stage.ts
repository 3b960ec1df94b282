// One step of a recipe as an image of the store: work is done on an overlay's upper folder of its own in tmp/, under a lock of its own; what it
// has changed is packed, and from there on it goes the way of a layer that was pulled. A process that is killed leaves its
// folder in tmp/ and no lock, and whoever makes something next removes it; the name comes last.
import type { Fd } from "../../ffi/fd.ts";
import {
  AT_FDCWD,
  mkdirat,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  open,
  rename,
  writeAll,
} from "../../ffi/file.ts";
import { syncFile } from "../../ffi/node_at.ts";
import { explainFailure } from "../explain_failure.ts";
import { type PullOptions, pullImage, type SourceDescriptor } from "../pull_image.ts";
import { RootfsError } from "../rootfs_error.ts";
import { openBlob, readBlob, type StoredDescriptor } from "../store/blobs.ts";
import { fileChunks } from "../store/file_chunks.ts";
import { removeGarbage, removeOwn } from "../store/garbage.ts";
import { changingImages, findImage, type ImageRecord, type StoredLayer, writeRecord } from "../store/images.ts";
import { blobPath, findLayer, isContentDigest, layerKey } from "../store/layout.ts";
import { takeLock } from "../store/lock.ts";
import { openStore } from "../store/open_store.ts";
import { compressLayer } from "./compress_layer.ts";
import { type BaseImage, type DerivedImage, deriveImage, ZSTD_LAYER_TYPE } from "./derived_image.ts";
import { type StageKey, stageName } from "./stage_key.ts";

export type StageOptions = PullOptions & {
  /** Make it even though it is there. */
  readonly anew: boolean;
  readonly waiting: () => void;
};

export type Workshop = {
  /** Absolute, private, gone when the work is done. */
  readonly folder: string;
  /** Who works here holds it too. */
  readonly lock: number;
};

/** What a step has made: a tree that is all of it, or the folder `upper` of an overlay, relative to the workshop or absolute. */
export type Made = { readonly path: string; readonly whiteouts: "plain" | "overlay" };

export type Stage = {
  readonly key: StageKey;
  readonly base: BaseImage;
  readonly createdBy: string;
  /** For messages. */
  readonly object: string;
};

const PRIVATE = 0o700;
const DAY = 24 * 3600 * 1000;

/** The image of a step that was made before; `undefined` where there is none, or not all of it. */
export function findStage(key: StageKey, { store, ownership }: PullOptions): ImageRecord | undefined {
  const record = findImage(store, stageName(key));
  const isThere = (layer: StoredLayer): boolean => {
    using unpacked = findLayer(store, layerKey(layer.diffID, ownership))?.lock;
    using blob = unpacked ? undefined : openBlob(store, layer);
    return unpacked !== undefined || blob !== undefined;
  };
  return record?.layers.every(isThere) ? record : undefined;
}

/** Says that a step is still of use, once a day: what nobody has used for long is pruned (prune.ts). */
export async function touchStage(record: ImageRecord, { store, now }: PullOptions): Promise<void> {
  const stored = now();
  if (stored - record.stored < DAY) return;
  await changingImages(store, () => {
    if (findImage(store, record.name)) writeRecord(store, { ...record, stored });
  });
}

/** Throws {@link RootfsError}, and what `work` throws; nothing is named then. */
export async function buildStage(
  stage: Stage,
  options: StageOptions,
  work: (workshop: Workshop) => Promise<Made>,
): Promise<ImageRecord> {
  const { store, run } = options;
  try {
    openStore(store);
    using lock = await takeLock(store, `recipe-${stage.key}`, options.waiting);
    const there = options.anew ? undefined : findStage(stage.key, options);
    if (there) return there;
    using tmp = open(`${store}/tmp`, O_RDONLY | O_DIRECTORY);
    await removeGarbage(store, tmp.number, lock, run);
    try {
      mkdirat(tmp.number, lock.name, PRIVATE);
      const folder = `${store}/tmp/${lock.name}`;
      const made = await work({ folder, lock: lock.number });
      const layer = await packLayer(made, folder, lock.number, stage.object, options);
      return await nameDerived(stage, layer, [], options);
    } finally {
      await removeOwn(tmp.number, lock, run);
    }
  } catch (error) {
    throw explainFailure(error, "build", stage.object, store);
  }
}

/** An image that has the base's layers and other defaults. */
export async function configureStage(stage: Stage, env: readonly string[], options: PullOptions): Promise<ImageRecord> {
  return await nameDerived(stage, undefined, env, options);
}

export function baseOf(record: ImageRecord, store: string): BaseImage {
  const config: unknown = JSON.parse(new TextDecoder().decode(readBlob(store, record.config, record.name)));
  return { layers: record.layers, config: config as Readonly<Record<string, unknown>> };
}

/** Packed, then compressed into what goes to its place among the blobs as it is. */
async function packLayer(
  { path, whiteouts }: Made,
  folder: string,
  lock: number,
  object: string,
  { store, run }: PullOptions,
): Promise<StoredLayer> {
  const create = (name: string): Fd => open(`${folder}/${name}`, O_RDWR | O_CREAT | O_EXCL, 0o600);
  using archive = create("archive");
  using layer = create("layer");
  using root = open(path, O_RDONLY | O_DIRECTORY);
  const job = { kind: "pack", root: root.number, archive: archive.number, whiteouts, object } as const;
  const { diffID } = await run(job, [lock]);
  if (!isContentDigest(diffID)) throw new Error(`${diffID} is no digest`);
  const { digest, size } = await compressLayer(archive.number, layer.number, object);
  syncFile(layer.number, object);
  rename(AT_FDCWD, `${folder}/layer`, AT_FDCWD, blobPath(store, digest));
  return { mediaType: ZSTD_LAYER_TYPE, digest, diffID, size };
}

async function nameDerived(
  { key, base, createdBy, object }: Stage,
  layer: StoredLayer | undefined,
  env: readonly string[],
  options: PullOptions,
): Promise<ImageRecord> {
  const image: DerivedImage = deriveImage(base, { layer, env, createdBy });
  const download = async (descriptor: SourceDescriptor, file: number): Promise<void> => {
    using blob = openBlob(options.store, descriptor as StoredDescriptor);
    if (!blob) throw new RootfsError("build", object, "a layer below it is missing", "Build it anew: --no-cache");
    for await (const chunk of fileChunks(blob.number, object)) writeAll(file, object, chunk);
  };
  const source = { name: object, resolve: async () => image, download };
  return (await pullImage(stageName(key), source, options)).record;
}
