// What a command line calls an image → the image in the store.
import { OciError } from "../../rootfs-builder/oci/oci_error.ts";
import { canonicalText, familiarText, parseReference } from "../../rootfs-builder/oci/reference.ts";
import { parseImageSource } from "../../rootfs-builder/oci/source.ts";
import { findImage, type ImageRecord, listImages, requireImage } from "../../rootfs-builder/store/images.ts";
import { requestFault, usageFault } from "../base/fault.ts";
import { imageName } from "./image_name.ts";
import type { StoreContext } from "./on_store.ts";

type Place = Pick<StoreContext, "store" | "lookups">;

const DIGEST_START = /^(?:sha256:)?([0-9a-f]{6,64})$/;

/** By its name, else by the beginning of its digest. Throws RootfsError where there is none. */
export function storedImage(text: string, { store, lookups }: Place): ImageRecord {
  const start = DIGEST_START.exec(text)?.[1];
  const name = start?.length === 64 ? undefined : nameInStore(text, lookups.cwd);
  const found = (name === undefined ? undefined : findImage(store, name)) ?? (start && byDigest(store, start));
  return found || requireImage(store, name ?? text);
}

/** The store's name for what people write. A name that cannot be is a mistake on the command line. */
export function nameInStore(text: string, cwd: string): string {
  try {
    return imageName(parseImageSource(text), cwd);
  } catch (error) {
    throw nameFault(error, text);
  }
}

/** For an image that is made here: a reference and nothing else. */
export function newName(text: string): string {
  try {
    return canonicalText(parseReference(text));
  } catch (error) {
    throw nameFault(error, text);
  }
}

/** The store's name as people write it: `alpine:3.22`. */
export function shownName(name: string): string {
  try {
    const reference = parseReference(name);
    return canonicalText(reference) === name ? familiarText(reference) : name;
  } catch (error) {
    if (error instanceof OciError) return name;
    throw error;
  }
}

function byDigest(store: string, start: string): ImageRecord | undefined {
  const found = listImages(store).filter(({ manifest }) => manifest.digest.startsWith(`sha256:${start}`));
  const digests = new Set(found.map(({ manifest }) => manifest.digest));
  if (digests.size < 2) return found[0];
  throw requestFault(`Cannot use ${start}`, `${digests.size} images have a digest that begins so`, "write more of it");
}

function nameFault(error: unknown, text: string): unknown {
  if (!(error instanceof OciError)) return error;
  return usageFault(
    `Cannot use ${JSON.stringify(text)} as an image's name`,
    error.reason,
    error.hint || "it is [REGISTRY/]NAME[:TAG][@DIGEST]",
  );
}
