// A seccomp profile that the user brings: `linux.seccomp` of the OCI runtime-spec (config-linux.md, "Seccomp") or the form of
// Docker and Podman, which adds archMap, includes and excludes. What differs from runc and libseccomp:
//
// - Conditions of one entry are all required, also when two of them are about the same argument; runc takes those as
//   alternatives (its issue 2735), so a range can be written here and not there.
// - An entry with conditions goes before one without for the same call; libseccomp drops the one with conditions.
// - A call by an entry that the profile does not list kills the process, not the thread.
//
// What is the same: names that no table has are passed over, and numbers above the newest call that the profile names are
// answered with ENOSYS (so that a C library newer than the profile falls back to older calls), unless the default action
// lets calls through. Nothing of our own default policy is added: neither the terminal's ioctls nor clone3 → ENOSYS.
import type { NativeArch, SyscallArch } from "./arch.ts";
import { ENTRIES } from "./arch.ts";
import { isMultiplexed, withMultiplexedRules } from "./multiplexed_rules.ts";
import { parseJson } from "./parse_json.ts";
import type { Action, ArchPolicy, Policy, Rule } from "./policy.ts";
import { KILL_PROCESS } from "./policy.ts";
import type { Place, ProfileProblem } from "./profile_place.ts";
import { complain, field, readChoice, readList, readString, requireObject } from "./profile_place.ts";
import type { ProfileHost } from "./profile_rules.ts";
import { readAction, readRules } from "./profile_rules.ts";
import { newestKnown, syscallTable } from "./syscall_table.ts";

export type SeccompProfile =
  | {
      readonly kind: "profile";
      readonly policy: Policy;
      /** SECCOMP_FILTER_FLAG_* for seccomp(2). */
      readonly flags: readonly FilterFlag[];
      /** Where the listener of SCMP_ACT_NOTIFY goes, `listenerPath`. */
      readonly listener?: { readonly path: string; readonly metadata: string };
      /** Names that no architecture here has: perhaps of another machine or a newer kernel, perhaps misspelt. */
      readonly unknownNames: readonly string[];
    }
  | { readonly kind: "problems"; readonly problems: readonly ProfileProblem[] };

const FLAGS = [
  "SECCOMP_FILTER_FLAG_TSYNC",
  "SECCOMP_FILTER_FLAG_LOG",
  "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
  "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
] as const;
export type FilterFlag = (typeof FLAGS)[number];

/** runtime-spec, "Seccomp". Those of other machines are no mistake and mean nothing here. */
const SCMP_ARCHES = [
  ..."X86 X86_64 X32 ARM AARCH64 MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390".split(" "),
  ..."S390X PARISC PARISC64 RISCV64 LOONGARCH64 M68K SH SHEB".split(" "),
].map((name) => `SCMP_ARCH_${name}`);

const SCMP_ARCH: Readonly<Record<SyscallArch, string>> = {
  x86_64: "SCMP_ARCH_X86_64",
  x32: "SCMP_ARCH_X32",
  i386: "SCMP_ARCH_X86",
  aarch64: "SCMP_ARCH_AARCH64",
  arm: "SCMP_ARCH_ARM",
};

/**
 * `profile` is the text of a profile, or the object it stands for. Prefer the text: in an object made by JSON.parse numbers
 * above 2^53 are already wrong, and are a problem.
 */
export function parseSeccompProfile(profile: unknown, host: ProfileHost): SeccompProfile {
  const problems: ProfileProblem[] = [];
  const read = readProfile({ value: toValue(profile, problems), path: "", problems }, host);
  return read === undefined || problems.length > 0 ? { kind: "problems", problems } : read;
}

function toValue(profile: unknown, problems: ProfileProblem[]): unknown {
  if (typeof profile !== "string") return profile;
  try {
    return parseJson(profile);
  } catch (error) {
    problems.push({ path: "", message: `is not JSON: ${error instanceof Error ? error.message : error}` });
    return {};
  }
}

function readProfile(document: Place, host: ProfileHost): SeccompProfile | undefined {
  if (document.problems.length > 0 || requireObject(document) === undefined) return undefined;
  const defaultAction = readAction(field(document, "defaultAction"), field(document, "defaultErrnoRet"));
  const rules = withMultiplexedRules(readRules(field(document, "syscalls"), host));
  const entries = readEntries(document, host.arch);
  const flags = readList(field(document, "flags")).flatMap((flag) => readChoice(flag, FLAGS, "filter flag") ?? []);
  const listener = readListener(document);
  if (defaultAction === undefined) return undefined;
  const arches = entries.map((arch) => archPolicy(arch, rules, defaultAction));
  const policy: Policy = { defaultAction, foreignAction: KILL_PROCESS, arches };
  return { kind: "profile", policy, flags, ...(listener && { listener }), unknownNames: unknownNames(rules) };
}

function readListener(document: Place): { readonly path: string; readonly metadata: string } | undefined {
  const path = readString(field(document, "listenerPath"));
  const metadata = readString(field(document, "listenerMetadata"));
  return path === undefined || path === "" ? undefined : { path, metadata: metadata ?? "" };
}

/** The machine's own entry is always there, as in libseccomp. */
function readEntries(document: Place, native: NativeArch): readonly SyscallArch[] {
  const archMap = field(document, "archMap");
  const maps = readList(archMap);
  const listed = readArches(field(document, "architectures"));
  if (listed.length > 0 && maps.length > 0) complain(archMap, "stands beside architectures; use one of them");
  const named = [SCMP_ARCH[native], ...listed, ...subArches(maps, native)];
  return ENTRIES[native].filter((arch) => named.includes(SCMP_ARCH[arch]));
}

function readArches(place: Place): readonly string[] {
  return readList(place).flatMap((arch) => readChoice(arch, SCMP_ARCHES, "architecture") ?? []);
}

/** Docker takes the first entry for the machine. */
function subArches(maps: readonly Place[], native: NativeArch): readonly string[] {
  const entries = maps.flatMap((place) => {
    const entry = requireObject(place);
    if (entry === undefined) return [];
    const arch = readChoice(field(entry, "architecture"), SCMP_ARCHES, "architecture");
    return [{ arch, subArches: readArches(field(entry, "subArchitectures")) }];
  });
  return entries.find(({ arch }) => arch === SCMP_ARCH[native])?.subArches ?? [];
}

function archPolicy(arch: SyscallArch, rules: readonly Rule[], defaultAction: Action): ArchPolicy {
  const unknownAbove = letsThrough(defaultAction) ? undefined : newestNamed(arch, rules);
  return { arch, rules, ...(unknownAbove !== undefined && { unknownAbove }) };
}

/** A tracer can answer calls it does not know by itself. */
function letsThrough({ kind }: Action): boolean {
  return kind === "allow" || kind === "log" || kind === "trace";
}

/** Calls that only x32 or arm have say nothing about the profile's age, high as their numbers are. */
function newestNamed(arch: SyscallArch, rules: readonly Rule[]): number | undefined {
  const table = syscallTable(arch);
  const newest = newestKnown(arch);
  let highest: number | undefined;
  for (const name of rules.flatMap((rule) => rule.names)) {
    const number = table.get(name);
    if (number !== undefined && number <= newest) highest = Math.max(highest ?? 0, number);
  }
  return highest;
}

function unknownNames(rules: readonly Rule[]): readonly string[] {
  const known = new Set(
    Object.values(ENTRIES).flatMap((arches) => arches.flatMap((arch) => [...syscallTable(arch).keys()])),
  );
  const named = new Set(rules.flatMap((rule) => rule.names));
  return [...named].filter((name) => !known.has(name) && !isMultiplexed(name));
}
