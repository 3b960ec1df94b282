// The policy a sandbox has when its user names none: Docker's default profile for the capabilities that are left, and on
// top of it two ioctls that put characters into a terminal's input. Everything in it is also what a user would expect of a
// container: it is there to keep rarely used kernel code out of reach, the namespaces and capabilities do the isolating.
import type { NativeArch, SyscallArch } from "./arch.ts";
import { ENTRIES } from "./arch.ts";
import { ALLOWED_WITH, ALWAYS_ALLOWED } from "./default_syscalls.ts";
import type { MappedIds } from "./emulate_root.ts";
import { emulateRootRules } from "./emulate_root.ts";
import type { ArchPolicy, Condition, Policy, Rule } from "./policy.ts";
import { ALLOW, ENOSYS, EPERM, errno, KILL_PROCESS } from "./policy.ts";
import { newestKnown, syscallTable } from "./syscall_table.ts";

export type DefaultPolicyOptions = {
  readonly arch: NativeArch;
  /** Capabilities the command can have, `CAP_*` as in capabilities(7). */
  readonly capabilities: ReadonlySet<string>;
  /** In a user namespace that maps these ids only, answer changes to any other id with success; see emulate_root.ts. */
  readonly emulateRoot?: MappedIds;
};

/** A call of an architecture that this machine does not have kills the process; unknown newer calls get ENOSYS. */
export function defaultPolicy(options: DefaultPolicyOptions): Policy {
  const shared = sharedRules(options.capabilities);
  return {
    defaultAction: errno(EPERM),
    foreignAction: KILL_PROCESS,
    arches: ENTRIES[options.arch].map((arch) => archPolicy(arch, shared, options.emulateRoot)),
  };
}

function archPolicy(arch: SyscallArch, shared: readonly Rule[], ids: MappedIds | undefined): ArchPolicy {
  const emulated = ids === undefined ? [] : emulateRootRules(arch, ids);
  return { arch, rules: [...emulated, ...shared, knownButDenied(arch)], unknownAbove: newestKnown(arch) };
}

/** x32 and arm have calls of their own far above the newest common number; they are no news to us. */
function knownButDenied(arch: SyscallArch): Rule {
  const high = [...syscallTable(arch)].filter(([, number]) => number > newestKnown(arch));
  return { names: high.map(([name]) => name), action: errno(EPERM) };
}

function sharedRules(capabilities: ReadonlySet<string>): readonly Rule[] {
  return [
    ...terminalInput(),
    ...socketFamilies(),
    ...personalities(),
    ...newNamespaces(capabilities),
    ...Object.values(ALWAYS_ALLOWED).map(allow),
    ...Object.entries(ALLOWED_WITH).flatMap(([name, calls]) => (capabilities.has(name) ? [allow(calls)] : [])),
  ];
}

function allow(calls: string): Rule {
  return { names: calls.split(/\s+/), action: ALLOW };
}

function allowIf(name: string, condition: Condition): Rule {
  return { names: [name], action: ALLOW, args: [condition] };
}

const TIOCSTI = 0x5412n;
const TIOCLINUX = 0x541cn;

/**
 * Both write to the input of the terminal, so of the shell that started the sandbox. The kernel takes the low 32 bits as
 * the command: a comparison of all 64 is passed by setting any other bit (CVE-2019-10063, CVE-2023-28100).
 */
function terminalInput(): readonly Rule[] {
  return [TIOCSTI, TIOCLINUX].map((command) => ({
    names: ["ioctl"],
    action: errno(EPERM),
    args: [{ index: 1, op: "SCMP_CMP_MASKED_EQ", value: 0xffffffffn, valueTwo: command }],
  }));
}

/**
 * PF_*, linux/socket.h. All from 1 to PF_MAX but those the kernel has dropped (12 DECnet, 18 ECONET, 20 ATMSVC, 23 IRDA,
 * 25 WANPIPE, 34 ISDN, 37 CAIF), 38 ALG (the kernel's cryptography: many holes, few users) and 40 VSOCK (it reaches the
 * host and its virtual machines past every network namespace).
 */
const SOCKET_FAMILIES_FROM_1 = 11n;
const SOCKET_FAMILIES = [
  13, 14, 15, 16, 17, 19, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45,
] as const;

function socketFamilies(): readonly Rule[] {
  return [
    allowIf("socket", { index: 0, op: "SCMP_CMP_LE", value: SOCKET_FAMILIES_FROM_1 }),
    ...SOCKET_FAMILIES.map((family) => allowIf("socket", { index: 0, op: "SCMP_CMP_EQ", value: BigInt(family) })),
  ];
}

/** PER_LINUX, PER_LINUX32, each also with UNAME26; and the question what it is now. personality(2) */
const PERSONALITIES = [0x0n, 0x8n, 0x20000n, 0x20008n, 0xffffffffn] as const;

function personalities(): readonly Rule[] {
  return PERSONALITIES.map((value) => allowIf("personality", { index: 0, op: "SCMP_CMP_EQ", value }));
}

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: clone(2). NEWTIME cannot be given to clone. */
const CLONE_NEW = 0x7e020000n;

/** The flags of clone3 are behind a pointer; a C library that gets ENOSYS goes back to clone. */
function newNamespaces(capabilities: ReadonlySet<string>): readonly Rule[] {
  if (capabilities.has("CAP_SYS_ADMIN")) return [];
  return [
    allowIf("clone", { index: 0, op: "SCMP_CMP_MASKED_EQ", value: CLONE_NEW, valueTwo: 0n }),
    { names: ["clone3"], action: errno(ENOSYS) },
  ];
}
