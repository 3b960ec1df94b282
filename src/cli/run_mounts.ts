// --volume, --mount, --tmpfs, --device, --file and --hide → mounts in an order that works, all of them present. Pure but for the lookups.
import { type FaultError, requestFault } from "../base/fault.ts";
import { mountOptions } from "../plan/mount_options.ts";
import type { HostLookups } from "../spec/host_lookups.ts";
import { MASKED_FOLDERS } from "../spec/root_mounts.ts";
import type { Mount } from "../spec/spec.ts";
import type { FlagReader } from "./flag_reader.ts";
import { parseDevice, parseFile, parseMount, parseTmpfs, parseVolume } from "./parse/mounts.ts";
import type { ResolvedRootfs } from "./run_spec.ts";

/** In the order of their depth, so that a mount never hides one that was asked for below it. */
export function userMounts(flag: FlagReader, lookups: HostLookups): readonly Mount[] {
  const absolute = (path: string): string => hostPath(path, lookups);
  const mounts: Mount[] = [
    ...flag.all("--volume").map((text) => parseVolume(text, absolute)),
    ...flag.all("--mount").map((text) => parseMount(text, absolute)),
    ...flag.all("--tmpfs").map(parseTmpfs),
    ...flag.all("--device").map(parseDevice),
    ...flag.all("--file").map((text) => copiedFile(text, absolute, lookups)),
  ];
  const depth = ({ destination }: Mount): number => destination.split("/").filter(Boolean).length;
  return mounts
    .map((mount, i) => ({ mount, i }))
    .sort((a, b) => depth(a.mount) - depth(b.mount) || a.i - b.i)
    .map(({ mount }) => mount);
}

function copiedFile(text: string, absolute: (path: string) => string, lookups: HostLookups): Mount {
  const { source, destination } = parseFile(text, absolute);
  const kind = lookups.kind(source);
  if (kind !== "file")
    throw requestFault(
      `Cannot copy ${source} in (--file)`,
      kind === "directory" ? "it is a folder" : "there is no such file",
    );
  return { type: "data", source, destination, options: ["rw", "nosuid", "nodev"] };
}

export function hostPath(path: string, { cwd, env }: HostLookups): string {
  const expanded = path === "~" || path.startsWith("~/") ? `${env.HOME ?? ""}${path.slice(1)}` : path;
  return expanded.startsWith("/") ? expanded : `${cwd}/${expanded}`;
}

/** Bind sources must exist, but those marked `try`, which are left out where they do not. */
export function presentMounts(mounts: readonly Mount[], lookups: HostLookups): readonly Mount[] {
  return mounts.filter((mount) => {
    if (mount.type !== "bind" || lookups.kind(mount.source ?? "") !== undefined) return true;
    if (mountOptions(mount.options).try) return false;
    throw absentSource(mount);
  });
}

function absentSource({ source, destination }: Mount): FaultError {
  return requestFault(
    `Cannot mount ${source} on ${destination}`,
    `${source} does not exist on the host, or may not be looked at`,
    `create it, or let it be skipped: -v ${source}:${destination}:try`,
  );
}

export function foldersAmong(
  mounts: readonly Mount[],
  hidden: readonly string[],
  rootfs: ResolvedRootfs,
  lookups: HostLookups,
): ReadonlySet<string> {
  const folders = new Set<string>(MASKED_FOLDERS);
  for (const { type, source } of mounts)
    if (type === "bind" && source !== undefined && lookups.kind(source) === "directory") folders.add(source);
  for (const path of hidden) {
    const kind = hiddenKind(path, mounts, rootfs, lookups);
    if (kind === undefined)
      throw requestFault(
        `Cannot hide ${path}`,
        "there is nothing at that path",
        "hide what exists, or leave the flag out",
      );
    if (kind === "directory") folders.add(path);
  }
  return folders;
}

// The nearest mount above the path says where it comes from.
function hiddenKind(path: string, mounts: readonly Mount[], rootfs: ResolvedRootfs, lookups: HostLookups) {
  const over = mounts.findLast(
    ({ destination }) => path === destination || path.startsWith(destination === "/" ? "/" : `${destination}/`),
  );
  if (over?.type === "bind") return lookups.kind(`${over.source}${path.slice(over.destination.length)}`);
  if (over?.type === "data") return "file";
  if (over && path === over.destination) return "directory";
  if (over?.type === "proc" || over?.type === "sysfs") return lookups.kind(path);
  return rootfs.kind === "folder" && !over ? lookups.kindInRoot(rootfs.layers, path) : undefined;
}
