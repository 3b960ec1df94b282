// An image's manifest: its configuration and its layers, lowest first (OCI image-spec, manifest.md; Docker's "Image
// Manifest Version 2, Schema 2" differs in the names of types only).
import { type Annotations, type Descriptor, parseAnnotations, parseDescriptor } from "./descriptor.ts";
import { JsonView } from "./json_view.ts";
import {
  bareMediaType,
  isConfigType,
  isManifestType,
  isSchema1,
  type LayerCompression,
  layerCompression,
  OCI_INDEX,
  OCI_MANIFEST,
  whyNoLayer,
} from "./media_type.ts";
import { type OciError, quoted } from "./oci_error.ts";

export type Manifest = {
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly ManifestLayer[];
  readonly annotations: Annotations;
};

export type ManifestLayer = Descriptor & { readonly compression: LayerCompression };

/** The limit that the distribution specification asks registries for. */
export const LARGEST_MANIFEST = 4 * 2 ** 20;
/** Eight times what any runtime can stack. */
export const MOST_LAYERS = 1000;

/** `mediaType` as the descriptor or the response's header has it. Throws {@link OciError}, naming the place. */
export function parseManifest(bytes: Uint8Array, mediaType: string, where: string): Manifest {
  const view = JsonView.parse(bytes, where, LARGEST_MANIFEST);
  const type = verifyManifestType(view, mediaType);
  // A document with both readings would be one thing to us and another to the next tool: CVE-2021-41190.
  for (const name of ["manifests", "fsLayers"])
    if (view.has(name)) throw view.refuse(`is a manifest and has "${name}" too`);
  return {
    mediaType: type,
    config: parseConfigDescriptor(view.field("config")),
    layers: (view.optional("layers")?.items(MOST_LAYERS) ?? []).map(parseLayer),
    annotations: parseAnnotations(view),
  };
}

/** The type, told by the document itself and by what led to it, which must not differ. */
export function declaredType(view: JsonView, mediaType: string): string {
  const outside = bareMediaType(mediaType);
  const schema = view.optional("schemaVersion")?.integer(0, 100);
  const inside = view.optional("mediaType")?.text(255);
  if (schema === 1 || isSchema1(outside) || isSchema1(inside ?? "")) throw schema1(view);
  if (schema !== 2)
    throw view.refuse(schema === undefined ? "has no schemaVersion" : `has schemaVersion ${schema}, not 2`);
  if (inside !== undefined && outside !== "" && inside !== outside)
    throw view.refuse(`says that it is ${quoted(inside)}, but came as ${quoted(outside)}`);
  return inside ?? (outside || typeByFields(view));
}

/** The field mediaType is optional in OCI's documents: in a folder of files nothing else tells. */
function typeByFields(view: JsonView): string {
  if (view.has("manifests")) return OCI_INDEX;
  return view.has("config") ? OCI_MANIFEST : "";
}

function verifyManifestType(view: JsonView, mediaType: string): string {
  const type = declaredType(view, mediaType);
  if (isManifestType(type)) return type;
  throw view.refuse(`is ${quoted(type)}, no image manifest`);
}

function parseConfigDescriptor(view: JsonView): Descriptor {
  const config = parseDescriptor(view);
  if (isConfigType(config.mediaType)) return config;
  throw view.refuse(
    `is of type ${quoted(config.mediaType)}: this is an artifact, no image of a file system`,
    "Helm charts, signatures and the like cannot be run",
  );
}

function parseLayer(view: JsonView): ManifestLayer {
  const layer = parseDescriptor(view);
  const compression = layerCompression(layer.mediaType);
  if (compression === undefined) throw view.refuse(`${whyNoLayer(layer.mediaType)}: ${quoted(layer.mediaType)}`);
  return { ...layer, compression };
}

function schema1(view: JsonView): OciError {
  return view.refuse(
    "is a Docker schema 1 manifest, a format that was given up in 2017",
    "Push the image again with any current tool, which writes a newer format",
  );
}
