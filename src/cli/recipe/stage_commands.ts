// The steps of a recipe as commands in a sandbox. Pure. What they need of the host lies in /dev/shm, a file system of the sandbox's own: a
// mount point elsewhere would stay behind in the layer.
import type { Copied } from "../../../rootfs-builder/recipe/copied_tree.ts";
import type { BuildNetwork } from "./build_network.ts";
import type { CopiedPath, Package } from "./recipe.ts";

export type StageCommand = {
  readonly argv: readonly string[];
  /** For messages. */
  readonly shown: string;
};

/** Where {@link CopiedPath} number `index` is to be seen. */
export function copyPlace(index: number): string {
  return `/dev/shm/sandbox-build/${index}`;
}

/** apk takes for a file what ends so. */
export function packagePlace(index: number): string {
  return `${copyPlace(index)}.apk`;
}

/** Without a network no index of packages can be had; `--no-cache` would have apk try all the same, for as long as names take to be looked up. */
export function packageCommand(packages: readonly Package[], network: BuildNetwork): StageCommand {
  const files = packages.filter(({ kind }) => kind === "file");
  const flags = [
    "--no-progress",
    network === "none" ? "--no-network" : "--no-cache",
    // A file has no repository that would vouch for it; whoever names it does.
    ...(files.length > 0 ? ["--allow-untrusted"] : []),
  ];
  const words = packages.map((item, index) => (item.kind === "name" ? item.name : packagePlace(index)));
  const shown = packages.map((item) => (item.kind === "name" ? item.name : item.path)).join(" ");
  return { argv: ["apk", "add", ...flags, ...words], shown: `apk add ${shown}` };
}

/** As cp(1): into what is a folder, else under that name; of a folder, what is in it. Modes are those of the originals. */
const COPY = [
  'case $2 in */) mkdir -p "$2"; set -- "$1" "$2/$3";; esac',
  'if [ -d "$1" ]; then mkdir -p "$2" && umask 0 && cp -RP "$1/." "$2"',
  'else mkdir -p "$(dirname "$2")" && umask 0',
  'if [ -d "$2" ]; then set -- "$1" "$2/$3"; fi; cp "$1" "$2"; fi',
].join("\n");

export function copyCommand({ from, to }: CopiedPath, { kind }: Copied, index: number): StageCommand {
  const name = from.split("/").at(-1) ?? from;
  // The slash at the end of a folder's destination says nothing new.
  const target = kind === "folder" ? `/${to.split("/").filter(Boolean).join("/")}` : to;
  return { argv: ["sh", "-ec", COPY, "sh", copyPlace(index), target, name], shown: `copy ${from} to ${to}` };
}

export function runCommand(command: string): StageCommand {
  return { argv: ["sh", "-ec", command], shown: command.trim().split("\n")[0] ?? "" };
}
