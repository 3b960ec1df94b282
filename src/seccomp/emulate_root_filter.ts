// The emulation of root alone, to be stacked with a filter that somebody else wrote: seccomp(2) runs all filters, and an answer
// (ERRNO) wins over ALLOW.
import { ENTRIES, type NativeArch } from "./arch.ts";
import { compilePolicy } from "./compile_policy.ts";
import { emulateRootRules, type MappedIds } from "./emulate_root.ts";
import { ALLOW } from "./policy.ts";

export function emulateRootFilter(arch: NativeArch, ids: MappedIds): Uint8Array {
  const arches = ENTRIES[arch].map((entry) => ({ arch: entry, rules: emulateRootRules(entry, ids) }));
  return compilePolicy({ defaultAction: ALLOW, foreignAction: ALLOW, arches });
}
