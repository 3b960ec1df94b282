// AppArmor as far as it decides about user namespaces. Ubuntu 23.10 and later let an unconfined program create one but take its
// capabilities away inside (kernel.apparmor_restrict_unprivileged_userns); a profile attached to the program's PATH lifts that.
import type { Fd } from "../../ffi/fd.ts";
import { O_DIRECTORY, open, readdir } from "../../ffi/file.ts";
import { readHostFile, readHostNumber } from "./read_host_file.ts";

export type AppArmor = {
  readonly enabled: boolean;
  /** Our own confinement; absent when it could not be read. */
  readonly label?: AppArmorLabel;
  /** kernel.apparmor_restrict_unprivileged_userns, where the kernel has it. */
  readonly restrictUserns?: boolean;
  /** kernel.apparmor_restrict_unprivileged_unconfined, where the kernel has it. */
  readonly restrictUnconfined?: boolean;
  /** A profile below /etc/apparmor.d that names our executable; on disk does not mean loaded. */
  readonly profile?: AppArmorProfile;
};

export type AppArmorLabel = { readonly profile: string; readonly mode: string };
export type AppArmorProfile = { readonly file: string; readonly allowsUserns: boolean };

const PROFILE_FOLDER = "/etc/apparmor.d";

export function readAppArmor(executable: string): AppArmor {
  const enabled = readHostFile("/sys/module/apparmor/parameters/enabled")?.trim() === "Y";
  if (!enabled) return { enabled };
  const label = parseLabel(readHostFile("/proc/self/attr/apparmor/current") ?? "");
  const restrictUserns = readHostNumber("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  const restrictUnconfined = readHostNumber("/proc/sys/kernel/apparmor_restrict_unprivileged_unconfined");
  const profile = findProfile(executable);
  return {
    enabled,
    ...(label && { label }),
    ...(restrictUserns !== undefined && { restrictUserns: restrictUserns !== 0 }),
    ...(restrictUnconfined !== undefined && { restrictUnconfined: restrictUnconfined !== 0 }),
    ...(profile && { profile }),
  };
}

/** `unconfined`, or `PROFILE (MODE)`. */
export function parseLabel(text: string): AppArmorLabel | undefined {
  const match = /^(.+?)(?: \((\w+)\))?\0?$/.exec(text.trim());
  const profile = match?.[1];
  return profile === undefined ? undefined : { profile, mode: match?.[2] ?? "unconfined" };
}

/** Does this text of apparmor.d(5) hold a profile attached to `path`, and does that one allow user namespaces? */
export function profileFor(text: string, path: string): { readonly allowsUserns: boolean } | undefined {
  const lines = text.split("\n").map((line) => line.replace(/(^|\s)#.*$/, ""));
  const header = lines.findIndex((line) => attachments(line).some((glob) => globMatches(glob, path)));
  if (header < 0) return undefined;
  const unconfined = /flags\s*=\s*\([^)]*\bunconfined\b/.test(lines[header] ?? "");
  return {
    allowsUserns: unconfined || body(lines, header).some((line) => /^\s*(audit\s+|allow\s+)*userns\b/.test(line)),
  };
}

function findProfile(executable: string): AppArmorProfile | undefined {
  for (const name of profileFiles()) {
    const file = `${PROFILE_FOLDER}/${name}`;
    const found = profileFor(readHostFile(file) ?? "", executable);
    if (found) return { file, ...found };
  }
  return undefined;
}

function profileFiles(): readonly string[] {
  try {
    using folder: Fd = open(PROFILE_FOLDER, O_DIRECTORY);
    return readdir(folder.number, PROFILE_FOLDER).map(({ name }) => new TextDecoder().decode(name));
  } catch {
    return [];
  }
}

/** Path patterns of a profile's head: `profile NAME PATTERN flags=(...) {`, or without the word `profile`. */
function attachments(line: string): readonly string[] {
  const head =
    /^\s*(?:profile\s+)?((?:"[^"]*"|[^\s"]+)(?:\s+(?:"[^"]*"|[^\s"=(]+))*)(?:\s+\w+\s*=\s*\([^)]*\))*\s*\{\s*$/.exec(
      line,
    );
  const words = (head?.[1] ?? "").match(/"[^"]*"|\S+/g) ?? [];
  return words
    .map((word) => word.replace(/^"|"$/g, ""))
    .filter((word) => word.startsWith("/") || word.startsWith("@{"));
}

/** The profile's own lines, up to the brace that closes it. */
function body(lines: readonly string[], header: number): readonly string[] {
  const end = lines.findIndex((line, index) => index > header && /^\}/.test(line));
  return lines.slice(header + 1, end < 0 ? undefined : end);
}

const VARIABLES: Readonly<Record<string, string>> = {
  HOME: "(?:/home/[^/]+/|/root/)",
  HOMEDIRS: "/home/",
  bin: "/(?:usr/)?s?bin",
};

const TOKEN = /@\{\w+\}|\\.|\*\*|\*|\?|\[[^\]]*\]|[{},]|[^@\\*?[\]{},]+|./gs;

/** Globbing of apparmor.d(5). A pattern with a variable that is not known here matches nothing. */
export function globMatches(glob: string, path: string): boolean {
  try {
    const tokens = glob.match(TOKEN) ?? [];
    return new RegExp(`^${tokens.map(toRegExp).join("")}$`, "s").test(path.replace(/\/+/g, "/"));
  } catch {
    return false;
  }
}

function toRegExp(token: string): string {
  if (token.startsWith("@{")) return VARIABLES[token.slice(2, -1)] ?? "(?!)";
  if (token === "**") return ".*";
  if (token === "*") return "[^/]*";
  if (token === "?") return "[^/]";
  if (token === "{") return "(?:";
  if (token === "}") return ")";
  if (token === ",") return "|";
  if (token.startsWith("[")) return token;
  return RegExp.escape(token.startsWith("\\") ? token.slice(1) : token);
}
