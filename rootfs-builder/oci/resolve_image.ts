// From a source to the one image in it that is for a platform: index, manifest, configuration, and the layers with what
// they must be once decompressed. Only small documents are read; the layers are the caller's to download.
import type { Descriptor } from "./descriptor.ts";
import { type Digest, shortDigest } from "./digest.ts";
import { type ImageConfig, LARGEST_CONFIG, parseImageConfig } from "./image_config.ts";
import { parseImageIndex, selectManifest } from "./image_index.ts";
import { type ImageRoot, type ImageSource, readVerified } from "./image_source.ts";
import { JsonView } from "./json_view.ts";
import { declaredType, LARGEST_MANIFEST, type Manifest, parseManifest } from "./manifest.ts";
import { isIndexType, type LayerCompression } from "./media_type.ts";
import { OciError } from "./oci_error.ts";
import { type Platform, platformDistance, platformText } from "./platform.ts";

export type ResolvedImage = {
  /** What the source's name led to: an index, or the manifest itself. */
  readonly root: ImageRoot;
  readonly manifestDescriptor: Descriptor;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly config: ImageConfig;
  readonly configBytes: Uint8Array;
  /** Lowest first. */
  readonly layers: readonly ImageLayer[];
};

export type ImageLayer = {
  readonly descriptor: Descriptor;
  /** Digest of the tar file that comes out of the decompression. */
  readonly diffId: Digest;
  readonly compression: LayerCompression;
};

/** An index may list indexes; more steps than this are a loop or a trick. */
const DEEPEST_INDEX = 3;

/** Throws {@link OciError}; with the fault `platform` when the image is there for others only. */
export async function resolveImage(
  source: ImageSource,
  { platform }: { readonly platform: Platform },
): Promise<ResolvedImage> {
  const root = await source.root();
  const found = await findManifest(source, root, platform);
  const where = `${source.name}, the manifest ${shortDigest(found.descriptor.digest)}`;
  const manifest = parseManifest(found.bytes, found.descriptor.mediaType, where);
  const configBytes = await readVerified(source, manifest.config, LARGEST_CONFIG);
  const configWhere = `${source.name}, the configuration ${shortDigest(manifest.config.digest)}`;
  const config = parseImageConfig(configBytes, configWhere);
  verifyPlatform(config.platform, platform, source.name);
  return {
    root,
    manifestDescriptor: { ...found.descriptor, mediaType: manifest.mediaType },
    manifest,
    manifestBytes: found.bytes,
    config,
    configBytes,
    layers: pairLayers(manifest, config, configWhere),
  };
}

async function findManifest(source: ImageSource, root: ImageRoot, platform: Platform): Promise<ImageRoot> {
  let at = root;
  for (let depth = 0; isIndex(at, source.name); depth++) {
    const where = `${source.name}, the index ${shortDigest(at.descriptor.digest)}`;
    if (depth === DEEPEST_INDEX) throw new OciError("document", where, "it is an index in an index in an index");
    const index = parseImageIndex(at.bytes, at.descriptor.mediaType, where);
    const descriptor = selectManifest(index, platform, source.name);
    if (descriptor.size > LARGEST_MANIFEST)
      throw new OciError(
        "document",
        where,
        `a manifest of ${descriptor.size} bytes: at most ${LARGEST_MANIFEST} are read`,
      );
    at = { descriptor, bytes: await source.manifest(descriptor) };
  }
  return at;
}

/** Where nothing outside has told the type, the document does. */
function isIndex({ descriptor, bytes }: ImageRoot, name: string): boolean {
  if (descriptor.mediaType !== "") return isIndexType(descriptor.mediaType);
  return isIndexType(declaredType(JsonView.parse(bytes, `${name}, the manifest`, LARGEST_MANIFEST), ""));
}

function verifyPlatform(offered: Platform, wanted: Platform, name: string): void {
  // Configurations leave the variant out where the index has it: an image for arm/v6 then looks like one for arm/v7.
  if (platformDistance(wanted, { ...offered, variant: wanted.variant }) !== undefined) return;
  throw new OciError(
    "platform",
    name,
    `it is for ${platformText(offered)}, and ${platformText(wanted)} is wanted`,
    `--platform ${platformText(offered)} takes it all the same`,
  );
}

/** Only the count can be compared here: a diff id is of the layer's decompressed bytes. */
function pairLayers(manifest: Manifest, { diffIds }: ImageConfig, where: string): readonly ImageLayer[] {
  const { layers } = manifest;
  if (layers.length !== diffIds.length)
    throw new OciError(
      "document",
      where,
      `it lists ${diffIds.length} layers (rootfs.diff_ids), and the manifest has ${layers.length}`,
    );
  return layers.flatMap((descriptor, at) => {
    const diffId = diffIds[at];
    return diffId === undefined ? [] : [{ descriptor, diffId, compression: descriptor.compression }];
  });
}
