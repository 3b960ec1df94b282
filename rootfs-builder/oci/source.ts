// Where an image is to be had from, as users write it: containers-transports(5), with `docker://` where no transport is
// named. The forms of a path are told from a reference by what no reference can be.
import { OciError, quoted } from "./oci_error.ts";
import { parseReference, type Reference } from "./reference.ts";

export type ImageSourceSpec =
  | { readonly kind: "registry"; readonly reference: Reference }
  /** An OCI image layout; `tag` is an `org.opencontainers.image.ref.name`. */
  | { readonly kind: "layout"; readonly path: string; readonly tag: string | undefined }
  /** A tar file of such a layout. */
  | { readonly kind: "oci-archive"; readonly path: string; readonly tag: string | undefined }
  /** What `docker save` writes; `reference` is one of its RepoTags. */
  | { readonly kind: "docker-archive"; readonly path: string; readonly reference: Reference | undefined }
  /** What `skopeo copy ... dir:` writes: a manifest and its blobs in one folder. */
  | { readonly kind: "dir"; readonly path: string }
  /** A file system's tar file, no image. */
  | { readonly kind: "tarball"; readonly path: string };

/** `oci:DIR[:TAG]` and the like; a path (`/x`, `./x`, `../x`) or `tar:PATH` is a tarball, and all else a reference. */
export function parseImageSource(text: string): ImageSourceSpec {
  if (text.includes("\0")) throw wrong(text, "there is a NUL in it");
  if (text.startsWith("docker://")) return { kind: "registry", reference: parseReference(text.slice(9)) };
  if (/^\.{0,2}\//.test(text)) return { kind: "tarball", path: text };
  const colon = text.indexOf(":");
  const rest = text.slice(colon + 1);
  switch (text.slice(0, Math.max(colon, 0))) {
    case "docker":
      // `docker:dind` is an image too.
      return { kind: "registry", reference: parseReference(text) };
    case "oci":
      return { kind: "layout", ...splitTag(text, rest) };
    case "oci-archive":
      return { kind: "oci-archive", ...splitTag(text, rest) };
    case "docker-archive":
      return dockerArchive(text, rest);
    case "dir":
      return { kind: "dir", path: pathOf(text, rest) };
    case "tar":
      return { kind: "tarball", path: pathOf(text, rest) };
    default:
      return { kind: "registry", reference: parseReference(text) };
  }
}

/** As containers-transports(5): the first colon ends the path. */
function splitTag(text: string, rest: string): { path: string; tag: string | undefined } {
  const colon = rest.indexOf(":");
  if (colon < 0) return { path: pathOf(text, rest), tag: undefined };
  const tag = rest.slice(colon + 1);
  if (tag === "") throw wrong(text, "there is no tag after the colon");
  return { path: pathOf(text, rest.slice(0, colon)), tag };
}

function dockerArchive(text: string, rest: string): ImageSourceSpec {
  const { path, tag } = splitTag(text, rest);
  return { kind: "docker-archive", path, reference: tag === undefined ? undefined : parseReference(tag) };
}

function pathOf(text: string, path: string): string {
  if (path === "") throw wrong(text, "there is no path");
  return path;
}

function wrong(text: string, reason: string): OciError {
  return new OciError("reference", `image ${quoted(text)}`, reason);
}
