// Names of images, in Docker's grammar (github.com/distribution/reference): `[DOMAIN/]PATH[:TAG][@DIGEST]`. What has no
// domain is on Docker Hub, and there a name of one component belongs to `library`.
import { type Digest, isDigest, whyNoDigest } from "./digest.ts";
import { OciError, quoted } from "./oci_error.ts";

export type Reference = {
  /** Host with its port: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly domain: string;
  /** `library/alpine`. */
  readonly path: string;
  /** Present when there is no digest either. */
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
};

const HUB = "docker.io";
const HUB_ALIAS = "index.docker.io";
const OFFICIAL = "library";
const DEFAULT_TAG = "latest";
const LONGEST_PATH = 255;
const LONGEST_TAG = 128;
/** A domain of 255, a path of 255, a tag of 128 and a sha512. */
const LONGEST = 1024;

const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?";
const DOMAIN = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:]+\\])(?::([0-9]+))?$`);
const COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
const IMAGE_ID = /^[0-9a-f]{64}$/;

/** Throws {@link OciError} that names the part which is wrong. */
export function parseReference(text: string): Reference {
  if (text.length > LONGEST) throw wrong(text, `it is longer than ${LONGEST} characters`);
  const { rest, digest } = splitDigest(text);
  const { name, tag } = splitTag(text, rest);
  if (name === "") throw wrong(text, "the name is empty");
  if (IMAGE_ID.test(name)) throw wrong(text, "64 hex digits are an image's id, no name", "Write NAME@sha256:HEX");
  const { domain, path } = splitDomain(name);
  verifyDomain(text, domain);
  verifyPath(text, path);
  return { domain, path, digest, tag: tag ?? (digest ? undefined : DEFAULT_TAG) };
}

/** All of it: `docker.io/library/alpine:latest`. */
export function canonicalText(reference: Reference): string {
  return `${reference.domain}/${reference.path}${suffix(reference)}`;
}

/** As people write it: `alpine:latest`, `ghcr.io/a/b:1`. */
export function familiarText(reference: Reference): string {
  return `${familiarName(reference)}${suffix(reference)}`;
}

function familiarName({ domain, path }: Reference): string {
  if (domain !== HUB) return `${domain}/${path}`;
  const short = path.slice(OFFICIAL.length + 1);
  return path.startsWith(`${OFFICIAL}/`) && !short.includes("/") ? short : path;
}

function suffix({ tag, digest }: Reference): string {
  return `${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

function splitDigest(text: string): { rest: string; digest: Digest | undefined } {
  const at = text.indexOf("@");
  if (at < 0) return { rest: text, digest: undefined };
  const digest = text.slice(at + 1);
  if (!isDigest(digest)) throw wrong(text, whyNoDigest(digest));
  return { rest: text.slice(0, at), digest };
}

/** A colon before the last slash is that of a port. */
function splitTag(text: string, rest: string): { name: string; tag: string | undefined } {
  const colon = rest.indexOf(":", rest.lastIndexOf("/") + 1);
  if (colon < 0) return { name: rest, tag: undefined };
  const tag = rest.slice(colon + 1);
  if (tag === "") throw wrong(text, "there is no tag after the colon");
  if (tag.length > LONGEST_TAG) throw wrong(text, `the tag is longer than ${LONGEST_TAG} characters`);
  if (!TAG.test(tag)) throw wrong(text, `the tag ${quoted(tag)} may hold letters, digits, "_", "." and "-" only`);
  return { name: rest.slice(0, colon), tag };
}

/** The first component is a domain when no component of a path could look like it, or when it is `localhost`. */
function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, slash);
  const isDomain = slash > 0 && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  const domain = isDomain && first !== HUB_ALIAS ? first : HUB;
  const path = isDomain ? name.slice(slash + 1) : name;
  return { domain, path: domain === HUB && !path.includes("/") ? `${OFFICIAL}/${path}` : path };
}

function verifyDomain(text: string, domain: string): void {
  const match = DOMAIN.exec(domain);
  if (!match) throw wrong(text, `${quoted(domain)} is no host name with a port`);
  if (match[1] !== undefined && !(Number(match[1]) >= 1 && Number(match[1]) <= 65535))
    throw wrong(text, `the port ${quoted(match[1])} is not within 1 and 65535`);
  if (domain.length > LONGEST_PATH) throw wrong(text, `the host is longer than ${LONGEST_PATH} characters`);
}

function verifyPath(text: string, path: string): void {
  if (path.length > LONGEST_PATH) throw wrong(text, `the name is longer than ${LONGEST_PATH} characters`);
  for (const component of path.split("/")) {
    if (component === "") throw wrong(text, "the name has an empty component");
    if (COMPONENT.test(component)) continue;
    const reason = COMPONENT.test(component.toLowerCase())
      ? `${quoted(component)} must be in lower case`
      : `${quoted(component)} may hold a-z and 0-9, with single separators ".", "_", "__" or "-" between them`;
    throw wrong(text, reason);
  }
}

function wrong(text: string, reason: string, hint = ""): OciError {
  return new OciError("reference", `image ${quoted(text)}`, reason, hint);
}
