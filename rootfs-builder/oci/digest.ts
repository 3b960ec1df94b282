// Digests as the image specification writes them, `ALGORITHM:HEX` (OCI image-spec, descriptor.md "Digests"). Only the two
// registered algorithms that every implementation knows; hex in lower case, as it must be.
import { OciError, quoted } from "./oci_error.ts";

export type DigestAlgorithm = "sha256" | "sha512";
export type Digest = `${DigestAlgorithm}:${string}`;

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
const SHAPE = /^[A-Za-z0-9]+(?:[.+_-][A-Za-z0-9]+)*:[A-Za-z0-9=_-]+$/;
const SHOWN = 12;

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** Throws {@link OciError} for `where`, telling an unknown algorithm from a digest that is malformed. */
export function parseDigest(text: string, where: string): Digest {
  if (isDigest(text)) return text;
  throw new OciError("document", where, whyNoDigest(text));
}

export function whyNoDigest(text: string): string {
  if (!SHAPE.test(text)) return `${quoted(text)} is no digest (sha256:HEX)`;
  const [algorithm = "", hex = ""] = text.split(":");
  const length = { sha256: 64, sha512: 128 }[algorithm];
  if (length === undefined) return `the digest algorithm ${quoted(algorithm)} is not supported (sha256 and sha512 are)`;
  if (hex.length !== length) return `the ${algorithm} digest has ${hex.length} characters, not ${length}`;
  return `the ${algorithm} digest is not in lower-case hex`;
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  return `${algorithm}:${new Bun.CryptoHasher(algorithm).update(bytes).digest("hex")}`;
}

/** For messages: `sha256:12ab34cd56ef...`. */
export function shortDigest(digest: Digest): string {
  return `${algorithmOf(digest)}:${hexOf(digest).slice(0, SHOWN)}...`;
}
