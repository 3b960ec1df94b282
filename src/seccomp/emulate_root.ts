// Package managers run as root and give files to other users. In a user namespace with a single id every other id is
// unmapped, chown(2) and setuid(2) to it fail with EINVAL, and the installation stops. These rules answer such calls with
// success and do nothing: a pure filter can, because the ids are in registers. stat(2) still tells the truth.
import type { SyscallArch } from "./arch.ts";
import type { ArgumentIndex, Condition, Rule } from "./policy.ts";
import { errno } from "./policy.ts";

/** The ids of the user namespace that stand for something outside it. */
export type MappedIds = { readonly uids: readonly number[]; readonly gids: readonly number[] };

type IdKind = keyof MappedIds;
type IdArguments = readonly (readonly [ArgumentIndex, IdKind])[];

/** Which arguments are ids, setresuid(2), chown(2), setfsuid(2). */
const ID_ARGUMENTS: Readonly<Record<string, IdArguments>> = {
  chown: [
    [1, "uids"],
    [2, "gids"],
  ],
  lchown: [
    [1, "uids"],
    [2, "gids"],
  ],
  fchown: [
    [1, "uids"],
    [2, "gids"],
  ],
  fchownat: [
    [2, "uids"],
    [3, "gids"],
  ],
  setuid: [[0, "uids"]],
  setgid: [[0, "gids"]],
  setreuid: [
    [0, "uids"],
    [1, "uids"],
  ],
  setregid: [
    [0, "gids"],
    [1, "gids"],
  ],
  setresuid: [
    [0, "uids"],
    [1, "uids"],
    [2, "uids"],
  ],
  setresgid: [
    [0, "gids"],
    [1, "gids"],
    [2, "gids"],
  ],
  setfsuid: [[0, "uids"]],
  setfsgid: [[0, "gids"]],
};

/** uid_t, and old_uid_t of the first 32-bit calls; the all-ones value means "leave as it is" in both. */
const ID = 0xffffffffn;
const OLD_ID = 0xffffn;

const DONE = errno(0);

/**
 * A call with an id that is neither mapped nor -1 is answered with 0; one with mapped ids is left to the other rules.
 * setgroups(2), which a namespace set up without privileges never permits, is always answered with 0.
 */
export function emulateRootRules(arch: SyscallArch, ids: MappedIds): readonly Rule[] {
  const calls = Object.entries(ID_ARGUMENTS).flatMap(([name, args]) => callRules(arch, name, args, ids));
  return [...calls, { names: ["setgroups", "setgroups32"], action: DONE }];
}

/** Two calls where ids once had 16 bits: the plain name is the old one, and `fchownat` came later. */
function callRules(arch: SyscallArch, name: string, args: IdArguments, ids: MappedIds): readonly Rule[] {
  const had16Bits = arch === "i386" || arch === "arm";
  if (!had16Bits || name === "fchownat") return rules(name, args, ID, ids);
  return [...rules(name, args, OLD_ID, ids), ...rules(`${name}32`, args, ID, ids)];
}

function rules(name: string, args: IdArguments, mask: bigint, ids: MappedIds): readonly Rule[] {
  return args.map(([index, kind]) => ({ names: [name], action: DONE, args: isNone(index, mask, ids[kind]) }));
}

/** The kernel looks at as many bits as the type of the parameter has, so no more may be compared. */
function isNone(index: ArgumentIndex, mask: bigint, ids: readonly number[]): readonly Condition[] {
  return [mask, ...ids.map(BigInt)].map((id) => ({ index, op: "MASKED_NE", value: mask, valueTwo: id }));
}
