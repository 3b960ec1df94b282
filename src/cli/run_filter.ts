// The seccomp filter that a Spec asks for, as the bytes that seccomp(2) takes.
import { requestFault } from "../base/fault.ts";
import { defaultFilter } from "../seccomp/default_filter.ts";
import type { Spec } from "../spec/spec.ts";

const ARCH = process.arch === "arm64" ? "aarch64" : "x86_64";

export async function filterOf(spec: Spec): Promise<Uint8Array | undefined> {
  const { seccomp, emulateRoot } = spec.sandbox;
  const capabilities = new Set<string>(spec.process.capabilities.bounding);
  switch (seccomp.kind) {
    case "unconfined":
      if (emulateRoot)
        throw requestFault(
          "Cannot emulate root (--emulate-root)",
          "it is done by the seccomp filter, and that is switched off",
          "add --no-emulate-root",
        );
      return undefined;
    case "profile":
      return (await import("./profile_filter.ts")).profileFilter(seccomp.path, ARCH, capabilities, emulateRoot);
    case "default":
      return defaultFilter({ arch: ARCH, capabilities, ...(emulateRoot && { emulateRoot: mappedIds(spec) }) });
  }
}

function mappedIds({ linux }: Spec) {
  const ids = (maps: Spec["linux"]["uidMappings"]): readonly number[] => maps.map(({ containerID }) => containerID);
  return { uids: ids(linux.uidMappings), gids: ids(linux.gidMappings) };
}
