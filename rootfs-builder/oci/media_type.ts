// Media types of OCI image-spec 1.1 (media-types.md) and of Docker's image manifest version 2, schema 2: two spellings of
// the same things. What is known and not supported is refused by its name.

export type LayerCompression = "none" | "gzip" | "zstd";

export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
export const DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";
export const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
export const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar";

/** What a registry is told we can read; the order is that of preference. */
export const ACCEPTED_MANIFESTS: readonly string[] = [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST];

const LAYERS: Readonly<Record<string, LayerCompression>> = {
  [OCI_LAYER]: "none",
  [`${OCI_LAYER}+gzip`]: "gzip",
  [`${OCI_LAYER}+zstd`]: "zstd",
  [DOCKER_LAYER]: "none",
  [`${DOCKER_LAYER}.gzip`]: "gzip",
  [`${DOCKER_LAYER}.zstd`]: "zstd",
};

const FOREIGN = /^application\/vnd\.(?:oci\.image\.layer\.nondistributable\.|docker\.image\.rootfs\.foreign\.)/;
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;

export function isIndexType(mediaType: string): boolean {
  return mediaType === OCI_INDEX || mediaType === DOCKER_LIST;
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST;
}

export function isConfigType(mediaType: string): boolean {
  return mediaType === OCI_CONFIG || mediaType === DOCKER_CONFIG;
}

export function isSchema1(mediaType: string): boolean {
  return SCHEMA_1.test(mediaType);
}

/** `undefined` for what is no layer that we unpack; {@link whyNoLayer} says why. */
export function layerCompression(mediaType: string): LayerCompression | undefined {
  return Object.hasOwn(LAYERS, mediaType) ? LAYERS[mediaType] : undefined;
}

export function whyNoLayer(mediaType: string): string {
  if (FOREIGN.test(mediaType)) return "is a foreign (non-distributable) layer, which registries do not hold";
  if (mediaType.endsWith("+encrypted")) return "is an encrypted layer";
  return "is no kind of layer that is supported (tar; plain, gzip or zstd)";
}

/** The type without its parameters, in lower case: RFC 9110 section 8.3.1. */
export function bareMediaType(header: string): string {
  return (header.split(";")[0] ?? "").trim().toLowerCase();
}
