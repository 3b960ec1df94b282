// The filter of a sandbox whose connections may be the host's own (src/net/fast). Beside whatever else there is, it has connect, bind and
// listen performed by the supervisor, and closes the ways in which a socket of the host's could reach others than the one it was made
// for. All of those show in registers, which no other thread can change.
import { ENTRIES, type NativeArch } from "./arch.ts";
import { compilePolicy } from "./compile_policy.ts";
import type { Action, Condition, Rule } from "./policy.ts";
import { ALLOW, ENOSYS, EPERM, errno } from "./policy.ts";

const ENOPROTOOPT = 92;
const EOPNOTSUPP = 95;
const LOW_WORD = 0xffffffffn;

/** struct sock_filter[], for SECCOMP_FILTER_FLAG_NEW_LISTENER. Says nothing of architectures that this machine does not have. */
export function connectFilter(arch: NativeArch): Uint8Array {
  const rules = [...performed(), ...fastOpen(), ...multiplexed(), ...options(), ...driverRequests()];
  return compilePolicy({
    defaultAction: ALLOW,
    foreignAction: ALLOW,
    arches: ENTRIES[arch].map((entry) => ({ arch: entry, rules })),
  });
}

/** In base64, for a Bun macro: compiled when the program is built. */
export function connectFilterText(arch: NativeArch): string {
  return connectFilter(arch).toBase64();
}

function performed(): readonly Rule[] {
  return [{ names: ["connect", "bind", "listen"], action: { kind: "notify" } }];
}

/** MSG_FASTOPEN connects without connect(2), and Linux 6.18 asks Landlock nothing about it. */
const MSG_FASTOPEN = 0x20000000n;

function fastOpen(): readonly Rule[] {
  return [
    refuseIf(["sendto", "sendmmsg", "send"], EOPNOTSUPP, [bits(3, MSG_FASTOPEN, MSG_FASTOPEN)]),
    refuseIf(["sendmsg"], EOPNOTSUPP, [bits(2, MSG_FASTOPEN, MSG_FASTOPEN)]),
  ];
}

/** The arguments of i386's socketcall(2) are in memory. */
function multiplexed(): readonly Rule[] {
  return [{ names: ["socketcall"], action: errno(ENOSYS) }];
}

/**
 * Options by which a TCP socket makes the host send to somebody else: source routes and other extension headers, and memberships of
 * groups, which the kernel refuses on TCP sockets under their older names only. And TCP_ULP, which puts other protocols on top.
 */
const REFUSED_OPTIONS: readonly (readonly [level: bigint, names: readonly bigint[]])[] = [
  // IP_OPTIONS, IP_ADD_SOURCE_MEMBERSHIP, MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP
  [0n, [4n, 39n, 42n, 46n]],
  // IPV6_2292PKTOPTIONS, MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP, IPV6_HOPOPTS, IPV6_RTHDRDSTOPTS, IPV6_RTHDR, IPV6_DSTOPTS
  [41n, [6n, 42n, 46n, 54n, 55n, 57n, 59n]],
  [6n, [31n]],
];

function options(): readonly Rule[] {
  return REFUSED_OPTIONS.flatMap(([level, names]) =>
    names.map((name) => refuseIf(["setsockopt"], ENOPROTOOPT, [bits(1, LOW_WORD, level), bits(2, LOW_WORD, name)])),
  );
}

/** SIOCDEVPRIVATE and the 15 behind it: each driver's own, on whatever interface the host has. */
function driverRequests(): readonly Rule[] {
  return [refuseIf(["ioctl"], EPERM, [bits(1, 0xfffffff0n, 0x89f0n)])];
}

function refuseIf(names: readonly string[], number: number, args: readonly Condition[]): Rule {
  const action: Action = errno(number);
  return { names, action, args };
}

function bits(index: Condition["index"], value: bigint, valueTwo: bigint): Condition {
  return { index, op: "SCMP_CMP_MASKED_EQ", value, valueTwo };
}
