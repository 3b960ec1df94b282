// The seccomp filters that a Spec asks for, as the bytes that seccomp(2) takes, in the order of their installation.
import { defaultFilter } from "../seccomp/default_filter.ts";
import type { Spec } from "../spec/spec.ts";

const ARCH = process.arch === "arm64" ? "aarch64" : "x86_64";

export async function filtersOf(spec: Spec): Promise<readonly Uint8Array[]> {
  const { seccomp, emulateRoot } = spec.sandbox;
  const capabilities = new Set<string>(spec.process.capabilities.bounding);
  if (seccomp.kind === "default")
    return [await defaultFilter({ arch: ARCH, capabilities, ...(emulateRoot && { emulateRoot: mappedIds(spec) }) })];
  const emulation = emulateRoot
    ? [(await import("../seccomp/emulate_root_filter.ts")).emulateRootFilter(ARCH, mappedIds(spec))]
    : [];
  if (seccomp.kind === "unconfined") return emulation;
  const { profileFilter } = await import("./profile_filter.ts");
  return [...emulation, profileFilter(seccomp.path, ARCH, capabilities)];
}

function mappedIds({ linux }: Spec) {
  const ids = (maps: Spec["linux"]["uidMappings"]): readonly number[] => maps.map(({ containerID }) => containerID);
  return { uids: ids(linux.uidMappings), gids: ids(linux.gidMappings) };
}
