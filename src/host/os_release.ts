// os-release(5): only to name the right package manager and configuration file in a mend; no decision hangs on it.
import { readHostFile } from "./read_host_file.ts";

export type OsRelease = { readonly family: OsFamily; readonly prettyName: string };
export type OsFamily = "debian" | "fedora" | "arch" | "suse" | "alpine" | "nixos" | "other";

const FAMILIES: Readonly<Record<string, OsFamily>> = {
  debian: "debian",
  ubuntu: "debian",
  fedora: "fedora",
  rhel: "fedora",
  centos: "fedora",
  arch: "arch",
  suse: "suse",
  opensuse: "suse",
  alpine: "alpine",
  nixos: "nixos",
};

export function readOsRelease(): OsRelease {
  return parseOsRelease(readHostFile("/etc/os-release") ?? readHostFile("/usr/lib/os-release") ?? "");
}

/** The family is that of ID, else of the first known word of ID_LIKE. */
export function parseOsRelease(text: string): OsRelease {
  const field = (name: string): string => unquote(new RegExp(`^${name}=(.*)$`, "m").exec(text)?.[1] ?? "");
  const words = `${field("ID")} ${field("ID_LIKE")}`.split(" ");
  const family = words
    .map((word) => (Object.hasOwn(FAMILIES, word) ? FAMILIES[word] : undefined))
    .find((known) => known);
  return { family: family ?? "other", prettyName: field("PRETTY_NAME") || "an unnamed Linux" };
}

function unquote(text: string): string {
  return text.trim().replace(/^(["'])(.*)\1$/, "$2");
}
