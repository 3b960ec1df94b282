// Under which name the store keeps what a source has: a reference in full, or the source as written, with its path made absolute.
import { canonicalText } from "../../rootfs-builder/oci/reference.ts";
import type { ImageSourceSpec } from "../../rootfs-builder/oci/source.ts";

export function imageName(source: ImageSourceSpec, cwd: string): string {
  const absolute = (path: string): string => (path.startsWith("/") ? path : `${cwd}/${path}`);
  switch (source.kind) {
    case "registry":
      return canonicalText(source.reference);
    case "layout":
      return `oci:${absolute(source.path)}${source.tag === undefined ? "" : `:${source.tag}`}`;
    case "oci-archive":
      return `oci-archive:${absolute(source.path)}${source.tag === undefined ? "" : `:${source.tag}`}`;
    case "docker-archive":
      return `docker-archive:${absolute(source.path)}${source.reference ? `:${canonicalText(source.reference)}` : ""}`;
    case "dir":
      return `dir:${absolute(source.path)}`;
    case "tarball":
      return `tar:${absolute(source.path)}`;
  }
}
