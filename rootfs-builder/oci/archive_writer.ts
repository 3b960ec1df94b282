// An OCI image layout in one tar file (OCI image-spec, image-layout.md), as skopeo and podman read it as oci-archive.
import { type WriterEntry, writeTar } from "../tar/writer.ts";
import { blobMember, documentMember, folderMember } from "./archive_member.ts";
import type { Descriptor } from "./descriptor.ts";
import { algorithmOf } from "./digest.ts";
import { type BlobSource, blobsOf, type ImageToSave, indexDescriptor } from "./image_to_save.ts";
import { blobPath, REF_NAME } from "./layout.ts";
import { OCI_INDEX } from "./media_type.ts";

/** The archive's bytes. Throws {@link OciError} where a blob is not what it should be; then the archive is of no use. */
export function writeOciArchive(
  images: readonly ImageToSave[],
  source: BlobSource,
): AsyncGenerator<Uint8Array, void, void> {
  return writeTar(members(images, source));
}

function* members(images: readonly ImageToSave[], source: BlobSource): Generator<WriterEntry, void, void> {
  const manifests = images.map((image) => entryOf(indexDescriptor(image), image.name));
  yield documentMember("oci-layout", { imageLayoutVersion: "1.0.0" });
  yield documentMember("index.json", { schemaVersion: 2, mediaType: OCI_INDEX, manifests });
  const documents = new Map(
    images.flatMap(({ manifest, manifestBytes, config, configBytes }) => [
      [manifest.digest, manifestBytes] as const,
      [config.digest, configBytes] as const,
    ]),
  );
  const blobs = blobsOf(images);
  const algorithms = new Set([...documents.keys(), ...blobs.map(({ digest }) => digest)].map(algorithmOf));
  yield folderMember("blobs");
  for (const algorithm of algorithms) yield folderMember(`blobs/${algorithm}`);
  for (const [digest, bytes] of documents) yield documentMember(blobPath(digest), bytes);
  for (const descriptor of blobs) yield blobMember(blobPath(descriptor.digest), descriptor, source);
}

function entryOf({ mediaType, digest, size, platform }: Descriptor, name: string | undefined): object {
  const annotations = name === undefined ? {} : { annotations: { [REF_NAME]: name } };
  return { mediaType, digest, size, ...annotations, ...(platform && { platform: platformOf(platform) }) };
}

function platformOf({ os, architecture, variant }: NonNullable<Descriptor["platform"]>): object {
  return { os, architecture, ...(variant !== undefined && { variant }) };
}
