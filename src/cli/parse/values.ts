// Values of flags, parsed once, at the edge, into plain SI numbers. Each throws a usage fault that shows what is taken.
import { usageFault } from "../../base/fault.ts";
import type { IdMapping, Rlimit, RlimitType, TimeOffset } from "../../spec/spec.ts";
import { RLIMIT_TYPES } from "../../spec/spec.ts";

const SIZE_UNITS: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
const MAX_ID = 0xffffffff - 1;

/** `64m`, `1.5GiB`, `4096`: bytes, units of 1024 as docker takes them. */
export function parseSize(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:([kmgt])(?:i?b)?|b)?$/i.exec(text);
  const unit = SIZE_UNITS[match?.[2]?.toLowerCase() ?? ""] ?? 1;
  const bytes = match ? Math.round(Number(match[1]) * unit) : Number.NaN;
  if (!(bytes > 0) || !Number.isSafeInteger(bytes)) throw bad(flag, text, "a size such as 64m, 1.5g or 4096");
  return bytes;
}

/** A decimal integer in [min, max]. */
export function parseInteger(flag: string, text: string, min: number, max: number): number {
  const value = /^-?\d{1,15}$/.test(text) ? 0 + Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw bad(flag, text, `a whole number from ${min} to ${max}`);
  return value;
}

/** An octal mask of at most three digits and a leading 0. */
export function parseUmask(flag: string, text: string): number {
  if (!/^0?[0-7]{1,3}$/.test(text)) throw bad(flag, text, "an octal mask such as 022");
  return Number.parseInt(text, 8);
}

/** `INSIDE:OUTSIDE:COUNT` (or `INSIDE OUTSIDE COUNT`). */
export function parseIdMapping(flag: string, text: string): IdMapping {
  const parts = text.split(/[: ]/);
  const [containerID = -1, hostID = -1, size = -1] = parts.map((part) => (/^\d{1,10}$/.test(part) ? Number(part) : -1));
  const fits = (id: number): boolean => id >= 0 && id + size - 1 <= MAX_ID;
  if (parts.length !== 3 || size < 1 || !fits(containerID) || !fits(hostID))
    throw bad(flag, text, "INSIDE:OUTSIDE:COUNT, three numbers such as 0:100000:65536");
  return { containerID, hostID, size };
}

/** Refuses overlapping and too many lines, which the kernel answers with a bare EINVAL (user_namespaces(7)). */
export function checkIdMappings(flag: string, mappings: readonly IdMapping[]): void {
  if (mappings.length > 340)
    throw usageFault(`Cannot use ${flag}`, `${mappings.length} mappings; the kernel takes 340`);
  for (const key of ["containerID", "hostID"] as const) {
    const sorted = [...mappings].sort((a, b) => a[key] - b[key]);
    sorted.forEach((mapping, i) => {
      const next = sorted[i + 1];
      if (next && mapping[key] + mapping.size > next[key])
        throw usageFault(
          `Cannot use ${flag}`,
          `the ranges from ${mapping[key]} and from ${next[key]} overlap ${key === "hostID" ? "outside" : "inside"}`,
        );
    });
  }
}

/** `nofile=1024:4096`, `core=0`, `stack=unlimited`. */
export function parseUlimit(flag: string, text: string): Rlimit {
  const match = /^([a-z]+)=(-1|\d+|unlimited)(?::(-1|\d+|unlimited))?$/i.exec(text);
  const type = `RLIMIT_${match?.[1]?.toUpperCase() ?? ""}`;
  if (!match || !isRlimit(type)) throw bad(flag, text, `NAME=SOFT[:HARD], NAME one of ${names()}`);
  const limit = (word: string | undefined): number =>
    word === "-1" || word?.toLowerCase() === "unlimited" ? Number.POSITIVE_INFINITY : Number(word);
  const soft = limit(match[2]);
  const hard = match[3] === undefined ? soft : limit(match[3]);
  if ([soft, hard].some((value) => value !== Number.POSITIVE_INFINITY && !Number.isSafeInteger(value)))
    throw usageFault(`Cannot use ${flag} ${text}`, `a limit is above ${Number.MAX_SAFE_INTEGER}`, "write unlimited");
  if (soft > hard) throw usageFault(`Cannot use ${flag} ${text}`, "the soft limit is above the hard one");
  return { type, soft, hard };
}

function isRlimit(type: string): type is RlimitType {
  return (RLIMIT_TYPES as readonly string[]).includes(type);
}

function names(): string {
  return RLIMIT_TYPES.map((type) => type.slice(7).toLowerCase()).join(", ");
}

// KTIME_SEC_MAX / 2, which neither clock of a time namespace may pass (kernel/time/namespace.c).
const MAX_OFFSET = 4611686018;

/** `monotonic=3600`, `boottime=-1.5`: clock and offset. The nanoseconds count upwards, as in /proc/PID/timens_offsets. */
export function parseTimeOffset(flag: string, text: string): readonly ["monotonic" | "boottime", TimeOffset] {
  const [, clock, minus, whole = "", fraction = ""] =
    /^(monotonic|boottime)=(-?)(\d{1,10})(?:\.(\d{1,9}))?s?$/.exec(text) ?? [];
  if (clock !== "monotonic" && clock !== "boottime") throw bad(flag, text, "monotonic=SECONDS or boottime=SECONDS");
  const secs = Number(whole);
  const nanosecs = Number(fraction.padEnd(9, "0"));
  if (secs > MAX_OFFSET)
    throw usageFault(`Cannot use ${flag} ${text}`, `the kernel takes ${MAX_OFFSET} seconds at most`);
  if (!minus) return [clock, { secs, nanosecs }];
  return [clock, nanosecs === 0 ? { secs: 0 - secs, nanosecs } : { secs: -1 - secs, nanosecs: 1e9 - nanosecs }];
}

/** One of `choices`. */
export function parseChoice<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw bad(flag, text, `one of ${choices.join(", ")}`);
  return found;
}

/** A host name as the kernel (64 bytes) and RFC 1123 take it. */
export function parseHostname(flag: string, text: string): string {
  const length = new TextEncoder().encode(text).length;
  if (length > 64) throw usageFault(`Cannot use ${flag}`, `the name has ${length} bytes; the kernel takes 64 at most`);
  if (!/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(text))
    throw bad(flag, text, "letters, digits, dots and inner dashes");
  return text;
}

/** An absolute path inside, without `..`, its slashes made single. */
export function parseInsidePath(flag: string, text: string): string {
  if (text.includes("\0")) throw usageFault(`Cannot use ${flag}`, "a NUL byte in the path");
  const parts = text.split("/").filter((part) => part !== "" && part !== ".");
  if (!text.startsWith("/")) throw bad(flag, text, "an absolute path inside the sandbox");
  if (parts.includes("..")) throw bad(flag, text, "a path without `..`");
  return `/${parts.join("/")}`;
}

export function bad(flag: string, text: string, wanted: string) {
  return usageFault(`Cannot use ${flag} ${JSON.stringify(text)}`, `it takes ${wanted}`);
}
