// On i386 the socket and System V IPC calls are also arguments of one call each, socketcall(2) and ipc(2). A rule for
// "socket" that left socketcall(SYS_SOCKET) alone would be half a rule; libseccomp writes both, and so do we.
import type { Rule } from "./policy.ts";

type Multiplexer = { readonly name: string; readonly mask: bigint; readonly calls: ReadonlyMap<string, number> };

/** linux/net.h, SYS_*. */
const SOCKETCALL = multiplexer("socketcall", 0xffffffffn, {
  1: "socket bind connect listen accept getsockname getpeername socketpair send recv sendto recvfrom shutdown setsockopt",
  15: "getsockopt sendmsg recvmsg accept4 recvmmsg sendmmsg",
});

/** linux/ipc.h; the upper 16 bits are a version. */
const IPC = multiplexer("ipc", 0xffffn, {
  1: "semop semget semctl semtimedop",
  11: "msgsnd msgrcv msgget msgctl",
  21: "shmat shmdt shmget shmctl",
});

/**
 * `rules` and what they mean for socketcall and ipc on i386. Rules with conditions have no such counterpart: the arguments
 * are behind a pointer. A multiplexer that the profile speaks of itself is left as it is there, as by libseccomp.
 */
export function withMultiplexedRules(rules: readonly Rule[]): readonly Rule[] {
  return [...rules, ...[SOCKETCALL, IPC].flatMap((multiplexer) => counterparts(multiplexer, rules))];
}

export function isMultiplexed(name: string): boolean {
  return SOCKETCALL.calls.has(name) || IPC.calls.has(name);
}

function counterparts({ name, mask, calls }: Multiplexer, rules: readonly Rule[]): readonly Rule[] {
  if (rules.some((rule) => rule.names.includes(name))) return [];
  return rules
    .filter(({ args = [] }) => args.length === 0)
    .flatMap((rule) => rule.names.flatMap((own) => calls.get(own) ?? []).map((call) => ({ call, action: rule.action })))
    .map(({ call, action }) => ({
      names: [name],
      action,
      args: [{ index: 0, op: "SCMP_CMP_MASKED_EQ", value: mask, valueTwo: BigInt(call) }],
    }));
}

function multiplexer(name: string, mask: bigint, runs: Readonly<Record<number, string>>): Multiplexer {
  const calls = Object.entries(runs).flatMap(([first, names]) =>
    names.split(" ").map((call, i) => [call, Number(first) + i] as const),
  );
  return { name, mask, calls: new Map(calls) };
}
