// An index: one manifest for each platform (OCI image-spec, image-index.md; Docker's manifest list), and the choice from it.
import { type Annotations, type Descriptor, parseAnnotations, parseDescriptor } from "./descriptor.ts";
import { JsonView } from "./json_view.ts";
import { declaredType, LARGEST_MANIFEST } from "./manifest.ts";
import { isIndexType, isManifestType, OCI_INDEX } from "./media_type.ts";
import { OciError, quoted } from "./oci_error.ts";
import { type Platform, platformDistance, platformText } from "./platform.ts";

export type ImageIndex = {
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations: Annotations;
};

const MOST_MANIFESTS = 10_000;
const SHOWN_PLATFORMS = 12;

/** `mediaType` as the descriptor or the response's header has it; empty for a layout's index.json. */
export function parseImageIndex(bytes: Uint8Array, mediaType: string, where: string): ImageIndex {
  const view = JsonView.parse(bytes, where, LARGEST_MANIFEST);
  const type = declaredType(view, mediaType) || OCI_INDEX;
  if (!isIndexType(type)) throw view.refuse(`is ${quoted(type)}, no image index`);
  // CVE-2021-41190, see manifest.ts.
  for (const name of ["layers", "config", "fsLayers"])
    if (view.has(name)) throw view.refuse(`is an index and has "${name}" too`);
  return {
    mediaType: type,
    manifests: (view.optional("manifests")?.items(MOST_MANIFESTS) ?? []).map(parseDescriptor),
    annotations: parseAnnotations(view),
  };
}

/** The best of the manifests for `wanted`; the first one of several that are as good. */
export function selectManifest(index: ImageIndex, wanted: Platform, where: string): Descriptor {
  const images = index.manifests.filter(isImage);
  let best: Descriptor | undefined;
  let distance = Number.POSITIVE_INFINITY;
  for (const image of images) {
    const found = image.platform && platformDistance(wanted, image.platform);
    if (found === undefined || found >= distance) continue;
    best = image;
    distance = found;
  }
  // Tools for one platform write indexes without any; the configuration will tell.
  const only = images.length === 1 && images[0]?.platform === undefined ? images[0] : undefined;
  const chosen = best ?? only;
  if (chosen) return chosen;
  throw new OciError("platform", where, `there is no image for ${platformText(wanted)}`, offered(images));
}

/** BuildKit lists the attestations of its builds beside the images, for the platform unknown/unknown. */
function isImage({ mediaType, platform, annotations }: Descriptor): boolean {
  if (!isManifestType(mediaType) && !isIndexType(mediaType)) return false;
  if (annotations["vnd.docker.reference.type"] === "attestation-manifest") return false;
  return platform?.os !== "unknown" || platform.architecture !== "unknown";
}

function offered(images: readonly Descriptor[]): string {
  const names = [...new Set(images.flatMap(({ platform }) => (platform ? [platformText(platform)] : [])))];
  if (names.length === 0) return "The index lists no images";
  const more = names.length > SHOWN_PLATFORMS ? " and others" : "";
  return `It is there for ${names.slice(0, SHOWN_PLATFORMS).join(", ")}${more}: choose one by --platform`;
}
