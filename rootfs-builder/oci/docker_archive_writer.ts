// What `docker load`, podman and skopeo (docker-archive) read: manifest.json with the images, their configurations and layers beside
// it. Layers stay as they were sent: each of those readers tells by itself how one is compressed.
import { type WriterEntry, writeTar } from "../tar/writer.ts";
import { blobMember, documentMember } from "./archive_member.ts";
import { hexOf } from "./digest.ts";
import { type BlobSource, blobsOf, type ImageToSave } from "./image_to_save.ts";

/** The archive's bytes; fails as writeOciArchive does. `names` are as docker writes them, `NAME:TAG`. */
export function writeDockerArchive(
  images: readonly ImageToSave[],
  source: BlobSource,
): AsyncGenerator<Uint8Array, void, void> {
  return writeTar(members(images, source));
}

function* members(images: readonly ImageToSave[], source: BlobSource): Generator<WriterEntry, void, void> {
  for (const descriptor of blobsOf(images)) yield blobMember(layerPath(descriptor.digest), descriptor, source);
  const configs = new Map(images.map(({ config, configBytes }) => [config.digest, configBytes]));
  for (const [digest, bytes] of configs) yield documentMember(configPath(digest), bytes);
  yield documentMember(
    "manifest.json",
    [...configs.keys()].map((digest) => describeImage(digest, images)),
  );
}

/** One image, with all the names that it is saved under. */
function describeImage(digest: ImageToSave["config"]["digest"], images: readonly ImageToSave[]): object {
  const same = images.filter(({ config }) => config.digest === digest);
  return {
    Config: configPath(digest),
    RepoTags: same.flatMap(({ name }) => (name === undefined ? [] : [name])),
    Layers: (same[0]?.layers ?? []).map((layer) => layerPath(layer.digest)),
  };
}

function layerPath(digest: ImageToSave["config"]["digest"]): string {
  return `${hexOf(digest)}.tar`;
}

function configPath(digest: ImageToSave["config"]["digest"]): string {
  return `${hexOf(digest)}.json`;
}
