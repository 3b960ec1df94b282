// A persistent environment as an image: what it changes becomes a layer on the image that it was made on. A base that is no image
// (Alpine, a tar file, a folder) becomes a layer itself. Then the same way as a pull, whose source is the store.
import type { Fd } from "../ffi/fd.ts";
import {
  AT_FDCWD,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_RDONLY,
  O_RDWR,
  open,
  rename,
  stat,
  unlinkat,
  writeAll,
} from "../ffi/file.ts";
import { syncFile } from "../ffi/node_at.ts";
import { explainFailure } from "./explain_failure.ts";
import type { ConfigChange } from "./oci/change_config.ts";
import { type CommitRequest, commitImage, type NewLayer } from "./oci/commit_image.ts";
import { parseImageConfig } from "./oci/image_config.ts";
import { OCI_LAYER } from "./oci/media_type.ts";
import type { Platform } from "./oci/platform.ts";
import { type PulledImage, type PullOptions, pullImage, type SourceDescriptor } from "./pull_image.ts";
import { RootfsError } from "./rootfs_error.ts";
import { openBlob, readBlob, type StoredDescriptor } from "./store/blobs.ts";
import { baseRoots } from "./store/environments.ts";
import { fileChunks } from "./store/file_chunks.ts";
import { listImages } from "./store/images.ts";
import type { Job } from "./store/job.ts";
import { blobPath, type ContentDigest } from "./store/layout.ts";
import { takeLock } from "./store/lock.ts";
import { type EnvironmentBase, environmentPath, lockEnvironment, readBase } from "./store/open_environment.ts";

export type CommitOptions = PullOptions & {
  readonly platform: Platform;
  readonly changes: readonly ConfigChange[];
  readonly author: string | undefined;
  readonly message: string | undefined;
  /** Makes names of temporary files; eight hex digits are enough. */
  readonly random: () => string;
};

type Archive = Pick<Extract<Job, { kind: "archive" }>, "whiteouts">;

/** Throws {@link RootfsError}: no such environment, one that is in use, or on an image that is gone. */
export async function commitEnvironment(name: string, image: string, options: CommitOptions): Promise<PulledImage> {
  try {
    return await commit(name, image, options);
  } catch (error) {
    throw explainFailure(error, "commit", `the environment ${name}`, options.store);
  }
}

async function commit(name: string, image: string, options: CommitOptions): Promise<PulledImage> {
  const { store, platform, changes, author, message } = options;
  const path = environmentPath(store, name);
  using lock = lockEnvironment(path, name);
  const base = readBase(path);
  if (lock === undefined) throw refusal(name, "there is none of that name", "sandbox env ls shows what is there");
  if (base === undefined)
    throw refusal(name, "nothing has run in it yet", `sandbox run --rootfs ... --persist ${name}`);
  const layers = [...(await baseLayers(base, options)), await upperLayer(name, path, message, options)];
  const created = new Date(options.now()).toISOString();
  const commitOf = base.kind === "image" ? imageBelow(name, base, store) : undefined;
  const made = commitImage({ base: commitOf, platform, layers, changes, author, created });
  const download = async (descriptor: SourceDescriptor, file: number): Promise<void> => {
    using blob = openBlob(store, descriptor as StoredDescriptor);
    if (!blob)
      throw refusal(name, "a layer of it was not kept as it was sent", "pull the image that it was made on again");
    for await (const chunk of fileChunks(blob.number, name)) writeAll(file, name, chunk);
  };
  return await pullImage(image, { name: image, resolve: async () => made, download }, options);
}

/** The image that it was made on, whatever it is called by now. */
function imageBelow(
  name: string,
  base: EnvironmentBase & { readonly kind: "image" },
  store: string,
): NonNullable<CommitRequest["base"]> {
  const record = listImages(store).find(({ manifest }) => manifest.digest === base.manifest);
  if (!record)
    throw refusal(
      name,
      `the image that it was made on, ${base.name}, is not in the store any more`,
      `pull it again: sandbox image pull ${base.name}`,
    );
  const configBytes = readBlob(store, record.config, record.name);
  parseImageConfig(configBytes, record.name);
  return {
    manifestType: record.manifest.mediaType,
    configBytes,
    layers: record.layers.map(({ diffID, mediaType, digest, size }) => ({
      blob: { mediaType, digest, size },
      diffId: diffID,
    })),
  };
}

async function baseLayers(base: EnvironmentBase, options: CommitOptions): Promise<readonly NewLayer[]> {
  if (base.kind === "image") return [];
  const [root = ""] = baseRoots(options.store, base);
  if (!stat(root)) throw new RootfsError("commit", `what is made on ${base.name}`, `${root} is gone`);
  return [await addLayer(root, { whiteouts: "merge" }, `sandbox run --rootfs ${base.name}`, undefined, options)];
}

async function upperLayer(
  name: string,
  path: string,
  message: string | undefined,
  options: CommitOptions,
): Promise<NewLayer> {
  return await addLayer(`${path}/upper`, { whiteouts: "overlay" }, `sandbox image commit ${name}`, message, options);
}

async function addLayer(
  root: string,
  { whiteouts }: Archive,
  createdBy: string,
  comment: string | undefined,
  { store, run, ownership, random }: CommitOptions,
): Promise<NewLayer> {
  const name = `commit-${random()}`;
  const path = `${store}/tmp/${name}`;
  using lock = await takeLock(store, name);
  using file: Fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0o600);
  try {
    using tree = open(root, O_RDONLY | O_DIRECTORY);
    const owned = ownership.kind === "range" ? ("set" as const) : ("ignore" as const);
    const job = { kind: "archive", trees: [tree.number], output: file.number, whiteouts, ownership: owned } as const;
    const { size, sha256 } = await run(job, [lock.number]);
    syncFile(file.number, path);
    const digest: ContentDigest = `sha256:${sha256}`;
    rename(AT_FDCWD, path, AT_FDCWD, blobPath(store, digest));
    return { blob: { mediaType: OCI_LAYER, digest, size }, diffId: digest, createdBy, comment };
  } catch (error) {
    unlinkat(AT_FDCWD, path);
    throw error;
  }
}

function refusal(name: string, cause: string, hint: string): RootfsError {
  return new RootfsError("commit", `the environment ${name}`, cause, hint);
}
