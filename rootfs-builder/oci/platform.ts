// Platforms, `OS/ARCH[/VARIANT]` in Go's names (OCI image-spec, image-index.md "platform"), and which of an index's is best.
import { OciError, quoted } from "./oci_error.ts";

export type Platform = {
  readonly os: string;
  readonly architecture: string;
  /** `v7`; undefined where there is none, or it is the architecture's first one (arm64's v8, amd64's v1). */
  readonly variant: string | undefined;
};

const PART = /^[A-Za-z0-9_.-]{1,64}$/;

/** What uname(2) and people call them, and the name of the specification. */
const ARCHITECTURES: Readonly<Record<string, readonly [string, string?]>> = {
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  x64: ["amd64"],
  aarch64: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
  i386: ["386"],
  i686: ["386"],
};
const FIRST_VARIANT: Readonly<Record<string, string>> = { arm64: "v8", amd64: "v1" };
const DEFAULT_VARIANT: Readonly<Record<string, string>> = { arm: "v7" };

/** `linux/arm64/v8`, `linux/amd64`, or an architecture alone. */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  if (parts.length > 3 || parts.some((part) => !PART.test(part)))
    throw new OciError("platform", `platform ${quoted(text)}`, "it is not OS/ARCH[/VARIANT]", "E.g. linux/arm64");
  const [first = "", second, variant] = parts;
  return second === undefined ? normalized("linux", first, undefined) : normalized(first, second, variant);
}

export function normalized(os: string, architecture: string, variant: string | undefined): Platform {
  const known = Object.hasOwn(ARCHITECTURES, architecture.toLowerCase())
    ? ARCHITECTURES[architecture.toLowerCase()]
    : undefined;
  const name = known?.[0] ?? architecture.toLowerCase();
  const told = (variant || known?.[1])?.toLowerCase().replace(/^(\d)/, "v$1");
  const kept = told === FIRST_VARIANT[name] ? undefined : told;
  return { os: os.toLowerCase(), architecture: name, variant: kept ?? DEFAULT_VARIANT[name] };
}

/** That of this machine. */
export function machinePlatform(arch: string = process.arch): Platform {
  return normalized("linux", arch, undefined);
}

/** For messages, and to be parsed again; quoted where it came from outside and is no platform's name. */
export function platformText({ os, architecture, variant }: Platform): string {
  const text = `${os}/${architecture}${variant === undefined ? "" : `/${variant}`}`;
  return text.split("/").every((part) => PART.test(part)) ? text : quoted(text);
}

/**
 * How well what is `offered` runs where `wanted` does; lower is better, `undefined` not at all. Variants are levels, each
 * of which runs what is below it: more than what is asked for could need features that are not there.
 */
export function platformDistance(wanted: Platform, offered: Platform): number | undefined {
  if (wanted.os !== offered.os || wanted.architecture !== offered.architecture) return undefined;
  if (wanted.variant === offered.variant) return 0;
  const above = level(wanted) - level(offered);
  return above >= 0 ? above : undefined;
}

/** Not a number where the variant is no level. */
function level({ architecture, variant }: Platform): number {
  return Number((variant ?? FIRST_VARIANT[architecture])?.slice(1));
}
