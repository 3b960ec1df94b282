// --rootfs TEXT → a folder to run in: an Alpine release, a tar file (both unpacked once into the store), or a folder as it is;
// and --persist NAME → the folder that keeps the changes.

import { errnoName } from "../../ffi/errno.ts";
import type { Fd } from "../../ffi/fd.ts";
import { O_DIRECTORY, O_RDONLY, open, readdir, S_IFDIR, S_IFMT, stat } from "../../ffi/file.ts";
import { SyscallError } from "../../ffi/syscall_error.ts";
import { windowSize } from "../../ffi/terminal.ts";
import { ensureRootfs, type RootfsSource } from "../../rootfs-builder/ensure_rootfs.ts";
import { type Progress, progressReporter } from "../../rootfs-builder/progress.ts";
import { RootfsError } from "../../rootfs-builder/rootfs_error.ts";
import {
  type EnvironmentBase,
  isEnvironmentName,
  openEnvironment,
} from "../../rootfs-builder/store/open_environment.ts";
import { requestFault, usageFault } from "../base/fault.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import type { Parsed } from "./command.ts";
import type { ResolvedRootfs } from "./run_spec.ts";
import { toStderr } from "./say.ts";

export type FoundRootfs = { readonly rootfs: ResolvedRootfs; readonly keep: readonly number[] };

export async function findRootfs(text: string, parsed: Parsed, lookups: HostLookups): Promise<FoundRootfs> {
  const store = storeFolder(parsed, lookups);
  const { path, keep, base } = await rootFolder(text, store, lookups);
  const name = parsed.values.get("--persist")?.[0];
  if (name === undefined) return { rootfs: { kind: "folder", path, upper: undefined }, keep };
  const kept = keptFolder(name, store, base);
  return { rootfs: { kind: "folder", path, upper: kept.upper }, keep: [...keep, kept.lock] };
}

/** `--store`, else $XDG_DATA_HOME/sandbox, else ~/.local/share/sandbox (XDG Base Directory Specification). */
export function storeFolder(parsed: Parsed, { cwd, env }: HostLookups): string {
  const asked = parsed.values.get("--store")?.[0];
  if (asked !== undefined) return asked.startsWith("/") ? asked : `${cwd}/${asked}`;
  if (env.XDG_DATA_HOME?.startsWith("/")) return `${env.XDG_DATA_HOME}/sandbox`;
  if (env.HOME?.startsWith("/")) return `${env.HOME}/.local/share/sandbox`;
  throw requestFault("Cannot find the store", "neither XDG_DATA_HOME nor HOME is set", "name a folder: --store DIR");
}

type RootFolder = { readonly path: string; readonly keep: readonly number[]; readonly base: EnvironmentBase };

async function rootFolder(text: string, store: string, lookups: HostLookups): Promise<RootFolder> {
  const source = sourceOf(text, lookups);
  if (source.kind === "folder") {
    const { path } = source;
    return { path, keep: [], base: { kind: "folder", name: path } };
  }
  const options = {
    store,
    arch: process.arch === "arm64" ? ("aarch64" as const) : ("x86_64" as const),
    now: Date.now,
    mirror: lookups.env.SANDBOX_ALPINE_MIRROR,
    progress: lazyProgress(lookups),
  };
  try {
    const { path, lock, name, tree } = await ensureRootfs(source, options);
    return { path, keep: [lock.release()], base: { kind: "rootfs", name, digest: tree } };
  } catch (error) {
    throw faultOf(error);
  }
}

// A root file system that is there already has nothing to report.
function lazyProgress(lookups: HostLookups): (progress: Progress) => void {
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

function sourceOf(
  text: string,
  lookups: HostLookups,
): RootfsSource | { readonly kind: "folder"; readonly path: string } {
  const alpine = /^alpine(?::([\w.-]+))?$/.exec(text);
  if (alpine) return { kind: "alpine", version: alpine[1] ?? "" };
  const path = text.startsWith("/") ? text : `${lookups.cwd}/${text}`;
  const what = `Cannot use ${text} as the root file system`;
  const found = stat(path);
  if (!found)
    throw requestFault(
      what,
      "there is no such file or folder",
      "it takes host, alpine, alpine:VERSION, a folder, or a tar file",
    );
  if ((found.mode & S_IFMT) !== S_IFDIR) return { kind: "tar", path };
  refuseEmpty(path, what);
  return { kind: "folder", path };
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
    throw faultOf(error);
  }
}

function faultOf(error: unknown): unknown {
  return error instanceof RootfsError
    ? requestFault(`Cannot ${error.step} ${error.object}`, error.cause, error.hint)
    : error;
}
