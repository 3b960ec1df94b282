// The default filter on the start path: bytes that were compiled with the program where they fit, the compiler only where
// they do not.
import type { DefaultPolicyOptions } from "./default_policy.ts";
import type { MappedIds } from "./emulate_root.ts";
import { prebuiltDefaultFilters } from "./prebuilt.ts" with { type: "macro" };
import type { PrebuiltKey } from "./prebuilt.ts";

/** struct sock_filter[] for seccomp(2): defaultPolicy(options), compiled. */
export function defaultFilter(options: DefaultPolicyOptions): Uint8Array | Promise<Uint8Array> {
  const key = prebuiltKey(options);
  return key === undefined ? compileNow(options) : Uint8Array.fromBase64(prebuilt(options)[key]);
}

/** A macro's argument has to be written out. */
function prebuilt({ arch }: DefaultPolicyOptions): Readonly<Record<PrebuiltKey, string>> {
  return arch === "x86_64" ? prebuiltDefaultFilters("x86_64") : prebuiltDefaultFilters("aarch64");
}

/**
 * The capabilities of default_syscalls.ts, less CAP_SYS_CHROOT, which sets `root` apart from `none`. Written out here, as
 * this module must not load the profile; prebuilt.test.ts compares the two.
 */
const NOT_PREBUILT = [
  "CAP_BPF",
  "CAP_DAC_READ_SEARCH",
  "CAP_PERFMON",
  "CAP_SYSLOG",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_MODULE",
  "CAP_SYS_NICE",
  "CAP_SYS_PACCT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
] as const;

/** Which prebuilt filter is the default policy for these options; other capabilities than those listed change nothing. */
export function prebuiltKey({ capabilities, emulateRoot }: DefaultPolicyOptions): PrebuiltKey | undefined {
  if (NOT_PREBUILT.some((name) => capabilities.has(name))) return undefined;
  const who = capabilities.has("CAP_SYS_CHROOT") ? "root" : "none";
  if (emulateRoot === undefined) return who;
  return isRootOnly(emulateRoot) ? `${who}+emulate` : undefined;
}

function isRootOnly({ uids, gids }: MappedIds): boolean {
  return uids.length === 1 && uids[0] === 0 && gids.length === 1 && gids[0] === 0;
}

async function compileNow(options: DefaultPolicyOptions): Promise<Uint8Array> {
  const [{ defaultPolicy }, { compilePolicy }] = await Promise.all([
    import("./default_policy.ts"),
    import("./compile_policy.ts"),
  ]);
  return compilePolicy(defaultPolicy(options));
}
