// `sandbox version`, and the version for whoever else needs it.
import { version as packageVersion } from "../../../package.json";
import { embeddedAlpine } from "../../../rootfs-builder/alpine/embedded.ts";
import type { Parsed } from "../command.ts";
import { print } from "../print.ts";
import { buildCommit } from "./build_commit.macro.ts" with { type: "macro" };

export const VERSION: string = packageVersion;
const COMMIT: string = buildCommit();

export type VersionFacts = {
  readonly version: string;
  /** Empty when the builder did not name it. */
  readonly commit: string;
  /** Of the runtime inside. */
  readonly bun: string;
  /** As uname(1) -m names it. */
  readonly architecture: string;
  /** Release of the Alpine Linux that comes with the program; "none" without one. */
  readonly alpine: string;
};

export function version({ switches }: Parsed): number {
  const facts = versionFacts();
  print(switches.has("--json") ? `${JSON.stringify(facts, null, 2)}\n` : versionText(facts));
  return 0;
}

/** `sandbox --version`. Always 0, the exit code. */
export function versionLine(): number {
  print(`sandbox ${VERSION}\n`);
  return 0;
}

export function versionText({ version, commit, bun, architecture, alpine }: VersionFacts): string {
  const rows = Object.entries({ commit, architecture, bun, alpine }).filter(([, value]) => value !== "");
  const shown = rows.map(([name, value]) => `  ${name.padEnd(14)}${value}\n`);
  return `sandbox ${version}\n${shown.join("")}`;
}

export function versionFacts(): VersionFacts {
  return {
    version: VERSION,
    commit: COMMIT,
    bun: Bun.version,
    architecture: process.arch === "arm64" ? "aarch64" : "x86_64",
    alpine: embeddedAlpine()?.version ?? "none",
  };
}
