// A descriptor: what a document of an image says of another (OCI image-spec, descriptor.md).
import { type Digest, parseDigest } from "./digest.ts";
import type { JsonView } from "./json_view.ts";
import { normalized, type Platform } from "./platform.ts";

export type Annotations = Readonly<Record<string, string>>;

export type Descriptor = {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly annotations: Annotations;
  /** In an index. */
  readonly platform: Platform | undefined;
};

/** A TiB: no blob of an image is larger, and a sum of a thousand is still exact. */
export const LARGEST_BLOB = 2 ** 40;
const MOST_ANNOTATIONS = 1000;

export function parseDescriptor(view: JsonView): Descriptor {
  return {
    mediaType: view.field("mediaType").text(255),
    digest: parseDigestField(view.field("digest")),
    size: view.field("size").integer(0, LARGEST_BLOB),
    annotations: parseAnnotations(view),
    platform: parsePlatformField(view.optional("platform")),
  };
}

/** The digest at `view`. */
export function parseDigestField(view: JsonView): Digest {
  return parseDigest(view.text(255), view.where);
}

export function parseAnnotations(view: JsonView): Annotations {
  const entries = view.optional("annotations")?.entries(MOST_ANNOTATIONS) ?? [];
  return Object.fromEntries(entries.map(([name, value]) => [name, value.text()]));
}

function parsePlatformField(view: JsonView | undefined): Platform | undefined {
  if (!view) return undefined;
  const text = (name: string): string => view.optional(name)?.text(64) ?? "";
  return normalized(text("os"), text("architecture"), text("variant") || undefined);
}
