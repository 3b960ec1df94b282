// --rootfs TEXT → a folder to run in: an Alpine release, a tar file (both unpacked once into the store), an image, a recipe, or a folder as it is;
// and --persist NAME → the folder that keeps the changes.

import { errnoName } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import { O_DIRECTORY, O_RDONLY, open, readdir, S_IFDIR, S_IFMT, stat } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { windowSize } from "../../ffi/terminal.ts";
import { alpineVersion } from "../../rootfs-builder/alpine/find_alpine.ts";
import { ensureRootfs, type RootfsOptions, type RootfsSource } from "../../rootfs-builder/ensure_rootfs.ts";
import { OciError } from "../../rootfs-builder/oci/oci_error.ts";
import type { RunDefaults } from "../../rootfs-builder/oci/run_defaults.ts";
import { type ImageSourceSpec, parseImageSource } from "../../rootfs-builder/oci/source.ts";
import { type Progress, progressReporter } from "../../rootfs-builder/progress.ts";
import {
  type EnvironmentBase,
  isEnvironmentName,
  openEnvironment,
} from "../../rootfs-builder/store/open_environment.ts";
import { requestFault, usageFault } from "../base/fault.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import type { Parsed } from "./command.ts";
import { rootfsFault } from "./rootfs_fault.ts";
import type { ResolvedRootfs } from "./run_spec.ts";
import { toStderr } from "./say.ts";
import { storeFolder } from "./store_folder.ts";
import { type StoreJobs, storeJobs } from "./store_jobs.ts";

export type FoundRootfs = { readonly rootfs: ResolvedRootfs; readonly keep: readonly number[] };

export async function findRootfs(text: string, parsed: Parsed, lookups: HostLookups): Promise<FoundRootfs> {
  const store = storeFolder(parsed.values.get("--store")?.[0], lookups);
  const { layers, image, keep, base } = await rootFolder(text, store, parsed, lookups);
  const rootfs = { kind: "folder", path: layers[0] ?? "/", layers, ...(image && { image }) } as const;
  const name = parsed.values.get("--persist")?.[0];
  if (name === undefined) return { rootfs: { ...rootfs, upper: undefined }, keep };
  const kept = keptFolder(name, store, base);
  return { rootfs: { ...rootfs, upper: kept.upper }, keep: [...keep, kept.lock] };
}

export type RootFolder = {
  /** The topmost first. */
  readonly layers: readonly string[];
  readonly image?: RunDefaults;
  /** Descriptors whose locks keep the layers in the store. */
  readonly keep: readonly number[];
  readonly base: EnvironmentBase;
};

async function rootFolder(text: string, store: string, parsed: Parsed, lookups: HostLookups): Promise<RootFolder> {
  const source = sourceOf(text, lookups);
  if (source.kind === "folder") {
    const { path } = source;
    return { layers: [path], keep: [], base: { kind: "folder", name: path } };
  }
  try {
    const jobs = storeJobs(lookups, ownersOf(parsed));
    if (source.kind === "image")
      return await (await import("./find_image.ts")).findImage(source.source, { store, jobs, parsed, lookups });
    if (source.kind === "recipe")
      return await (await import("./recipe/find_recipe.ts")).findRecipe(source.path, { store, jobs, parsed, lookups });
    const { path, lock, name, tree } = await ensureRootfs(source, rootfsOptions(store, jobs, parsed, lookups));
    return { layers: [path], keep: [lock.release()], base: { kind: "rootfs", name, digest: tree } };
  } catch (error) {
    throw rootfsFault(error);
  }
}

export function rootfsOptions(
  store: string,
  { run, ownership }: StoreJobs,
  { values }: Parsed,
  lookups: Pick<HostLookups, "env" | "isTerminal">,
): RootfsOptions {
  return {
    store,
    ownership,
    run,
    arch: process.arch === "arm64" ? "aarch64" : "x86_64",
    now: Date.now,
    mirror: values.get("--mirror")?.[0] ?? lookups.env.SANDBOX_ALPINE_MIRROR,
    progress: lazyProgress(lookups),
  };
}

/** Whose files are to be in the store: the caller's, or those of a range where one is mapped (--userns). */
export function ownersOf({ values }: Parsed): "auto" | "single" | "range" {
  if (values.has("--uidmap") || values.has("--gidmap")) return "single";
  const mode = values.get("--userns")?.[0] ?? "auto";
  return mode === "auto" || mode === "range" ? mode : "single";
}

// A root file system that is there already has nothing to report.
function lazyProgress(lookups: Pick<HostLookups, "isTerminal">): (progress: Progress) => void {
  let report: ((progress: Progress) => void) | undefined;
  return (progress) => {
    report ??= progressReporter({
      terminal: lookups.isTerminal(2),
      columns: columnsOf(2),
      write: toStderr,
      now: Date.now,
    });
    report(progress);
  };
}

function columnsOf(fd: number): number {
  const size = windowSize(fd);
  return size ? (size[2] ?? 0) + (size[3] ?? 0) * 256 || 80 : 80;
}

export type Source =
  | RootfsSource
  | { readonly kind: "recipe"; readonly path: string }
  | { readonly kind: "folder"; readonly path: string }
  | { readonly kind: "image"; readonly source: ImageSourceSpec };

// What exists is meant before what could be pulled.
export function sourceOf(text: string, lookups: Pick<HostLookups, "cwd">): Source {
  const version = alpineVersion(text);
  if (version !== undefined) return { kind: "alpine", version };
  const recipe = recipePath(text);
  if (recipe !== undefined) return { kind: "recipe", path: absolutePath(recipe, lookups) };
  const path = absolutePath(text, lookups);
  const what = `Cannot use ${text} as the root file system`;
  const found = stat(path);
  if (!found) return imageSource(text, what);
  if ((found.mode & S_IFMT) !== S_IFDIR) return { kind: "tar", path };
  refuseEmpty(path, what);
  return { kind: "folder", path };
}

/** `recipe:FILE`, or a file whose name says that it is one; `undefined` for all else. */
function recipePath(text: string): string | undefined {
  if (text.startsWith("recipe:")) return text.slice("recipe:".length);
  return text.endsWith(".toml") ? text : undefined;
}

function absolutePath(text: string, { cwd }: Pick<HostLookups, "cwd">): string {
  return text.startsWith("/") ? text : `${cwd}/${text}`;
}

function imageSource(text: string, what: string): Source {
  const hint = "it takes host, alpine, alpine:VERSION, a folder, a tar file, an image, or a recipe (FILE.toml)";
  if (/^\.{0,2}\//.test(text)) throw requestFault(what, "there is no such file or folder", hint);
  try {
    const source = parseImageSource(text);
    return source.kind === "tarball" ? { kind: "tar", path: source.path } : { kind: "image", source };
  } catch (error) {
    if (error instanceof OciError) throw requestFault(what, error.message, hint);
    throw error;
  }
}

// An empty folder gives "command not found", which tells nobody that the folder is the wrong one.
function refuseEmpty(path: string, what: string): void {
  using folder = openFolder(path, what);
  if (readdir(folder.number, path).length === 0)
    throw requestFault(what, "the folder is empty", "unpack a root file system into it, or use --rootfs alpine");
}

function openFolder(path: string, what: string): Fd {
  try {
    return open(path, O_RDONLY | O_DIRECTORY);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw requestFault(
      what,
      `this user may not read that folder (${errnoName(error.errno)})`,
      "choose another, or mend its permissions",
    );
  }
}

/** `persist/NAME` with `upper` and `work`, locked for as long as the descriptor is open. */
function keptFolder(
  name: string,
  store: string,
  base: EnvironmentBase,
): { readonly upper: string; readonly lock: number } {
  if (!isEnvironmentName(name))
    throw usageFault(
      `Cannot use --persist ${JSON.stringify(name)}`,
      "it takes letters, digits, dots, dashes and underscores",
    );
  const { path, lock } = explained(() => openEnvironment(store, name, base));
  return { upper: path, lock: lock.release() };
}

function explained<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw rootfsFault(error);
  }
}
