// The `syscalls` of a profile: the entries that apply on this host, as rules.
import type { NativeArch } from "./arch.ts";
import type { Action, ArgumentIndex, Condition, Rule } from "./policy.ts";
import { EPERM, OCI_OPERATORS } from "./policy.ts";
import type { Place } from "./profile_place.ts";
import {
  complain,
  field,
  isPresent,
  readChoice,
  readList,
  readString,
  readStrings,
  readUint,
  requireObject,
  requireString,
  requireUint,
} from "./profile_place.ts";

/** What Docker's `includes` and `excludes` ask about. */
export type ProfileHost = {
  readonly arch: NativeArch;
  readonly capabilities: ReadonlySet<string>;
  /** Major and minor. */
  readonly kernel: readonly [number, number];
};

const ACTIONS = [
  "SCMP_ACT_KILL",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_KILL_THREAD",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRACE",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_NOTIFY",
] as const;

/** As Docker spells them in `includes.arches`. */
const DOCKER_ARCH: Readonly<Record<NativeArch, string>> = { x86_64: "amd64", aarch64: "arm64" };

/** MAX_ERRNO, linux/err.h: the kernel lowers what is above it. */
const MAX_ERRNO = 4095n;
const MAX_TRACE_DATA = 0xffffn;
const UINT64_MAX = 0xffffffffffffffffn;

/** In the order of the file. */
export function readRules(syscalls: Place, host: ProfileHost): readonly Rule[] {
  return readList(syscalls).flatMap((entry) => readRule(entry, host) ?? []);
}

/** An action and, beside it, the number it returns: EPERM unless another is given (runc's default too). */
export function readAction(place: Place, errnoRet: Place): Action | undefined {
  const name = readChoice(place, ACTIONS, "action");
  switch (name) {
    case undefined:
      return undefined;
    case "SCMP_ACT_ERRNO":
      return { kind: "errno", errno: Number(readUint(errnoRet, MAX_ERRNO) ?? EPERM) };
    case "SCMP_ACT_TRACE":
      return { kind: "trace", data: Number(readUint(errnoRet, MAX_TRACE_DATA) ?? EPERM) };
    default:
      // runtime-spec, "Seccomp": with an action that takes no number one "MUST" fail.
      if (isPresent(errnoRet)) complain(errnoRet, `is only for SCMP_ACT_ERRNO and SCMP_ACT_TRACE, not for ${name}`);
      return plainAction(name);
  }
}

function plainAction(name: Exclude<(typeof ACTIONS)[number], "SCMP_ACT_ERRNO" | "SCMP_ACT_TRACE">): Action {
  switch (name) {
    case "SCMP_ACT_KILL": // of the thread, seccomp_init(3)
    case "SCMP_ACT_KILL_THREAD":
      return { kind: "kill_thread" };
    case "SCMP_ACT_KILL_PROCESS":
      return { kind: "kill_process" };
    case "SCMP_ACT_TRAP":
      return { kind: "trap" };
    case "SCMP_ACT_ALLOW":
      return { kind: "allow" };
    case "SCMP_ACT_LOG":
      return { kind: "log" };
    case "SCMP_ACT_NOTIFY":
      return { kind: "notify" };
    default:
      return name satisfies never;
  }
}

/** An entry that does not apply here is still looked through for problems. */
function readRule(place: Place, host: ProfileHost): Rule | undefined {
  const entry = requireObject(place);
  if (entry === undefined) return undefined;
  const names = readNames(entry);
  const action = readAction(field(entry, "action"), field(entry, "errnoRet"));
  const args = readList(field(entry, "args")).flatMap((arg) => readCondition(arg) ?? []);
  const applies = isIncluded(field(entry, "includes"), host) && !isExcluded(field(entry, "excludes"), host);
  return applies && action !== undefined ? { names, action, args } : undefined;
}

/** `name` is the form of Docker 1.10. */
function readNames(entry: Place): readonly string[] {
  const name = field(entry, "name");
  const list = readList(field(entry, "names"));
  const single = readString(name);
  if (single === undefined || single === "") {
    if (list.length === 0) complain(field(entry, "names"), "must name at least one system call");
    return list.flatMap((item) => requireString(item) ?? []);
  }
  if (list.length > 0) complain(name, "stands beside names; use one of them");
  return [single];
}

function readCondition(place: Place): Condition | undefined {
  const arg = requireObject(place);
  if (arg === undefined) return undefined;
  const index = requireUint(field(arg, "index"), 5n);
  const value = requireUint(field(arg, "value"), UINT64_MAX);
  const valueTwo = readUint(field(arg, "valueTwo"), UINT64_MAX) ?? 0n;
  const op = readChoice(field(arg, "op"), OCI_OPERATORS, "operator");
  if (index === undefined || value === undefined || op === undefined) return undefined;
  const condition = { index: Number(index) as ArgumentIndex, op, value };
  // libseccomp compares under the mask; without it bits outside the mask would make a rule that never holds.
  return op === "SCMP_CMP_MASKED_EQ" ? { ...condition, valueTwo: valueTwo & value } : condition;
}

function isIncluded(includes: Place, host: ProfileHost): boolean {
  const { arches, caps, minKernel } = readFilter(includes);
  const archFits = arches.length === 0 || arches.includes(DOCKER_ARCH[host.arch]);
  const kernelFits = minKernel === undefined || isAtLeast(host.kernel, minKernel);
  return archFits && kernelFits && caps.every((name) => host.capabilities.has(name));
}

function isExcluded(excludes: Place, host: ProfileHost): boolean {
  const { arches, caps, minKernel } = readFilter(excludes);
  if (arches.includes(DOCKER_ARCH[host.arch])) return true;
  if (caps.some((name) => host.capabilities.has(name))) return true;
  return minKernel !== undefined && isAtLeast(host.kernel, minKernel);
}

type Filter = {
  readonly arches: readonly string[];
  readonly caps: readonly string[];
  readonly minKernel: readonly [number, number] | undefined;
};

function readFilter(place: Place): Filter {
  if (isPresent(place)) requireObject(place);
  return {
    arches: readStrings(field(place, "arches")),
    caps: readStrings(field(place, "caps")),
    minKernel: readKernel(field(place, "minKernel")),
  };
}

function readKernel(place: Place): readonly [number, number] | undefined {
  const text = readString(place);
  if (text === undefined || text === "") return undefined;
  const [, major, minor] = /^(\d{1,9})\.(\d{1,9})$/.exec(text) ?? [];
  if (major === undefined || minor === undefined) {
    return complain(place, `must be a version as "4.8", it is ${JSON.stringify(text)}`);
  }
  return [Number(major), Number(minor)];
}

function isAtLeast(
  [major, minor]: readonly [number, number],
  [wantedMajor, wanted]: readonly [number, number],
): boolean {
  return major > wantedMajor || (major === wantedMajor && minor >= wanted);
}
