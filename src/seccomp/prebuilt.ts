// The default filters that nearly every start needs, compiled when the program is built: default_filter.ts calls this as a
// Bun macro, so what the binary carries is the result and neither the tables nor the compiler.
import type { NativeArch } from "./arch.ts";
import { compilePolicy } from "./compile_policy.ts";
import { defaultPolicy } from "./default_policy.ts";

export type PrebuiltKey = "none" | "root" | "none+emulate" | "root+emulate";

/** The capabilities that Docker leaves to root. */
const DOCKER_CAPABILITIES = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
] as const;

/** Compiled default policies in base64: without capabilities or with Docker's, `+emulate` with uid 0 and gid 0 mapped only. */
export function prebuiltDefaultFilters(arch: NativeArch): Record<PrebuiltKey, string> {
  return {
    none: compile(arch, [], false),
    root: compile(arch, DOCKER_CAPABILITIES, false),
    "none+emulate": compile(arch, [], true),
    "root+emulate": compile(arch, DOCKER_CAPABILITIES, true),
  };
}

function compile(arch: NativeArch, names: readonly string[], emulate: boolean): string {
  const capabilities = new Set(names);
  const emulateRoot = { uids: [0], gids: [0] };
  return compilePolicy(defaultPolicy({ arch, capabilities, ...(emulate && { emulateRoot }) })).toBase64();
}
