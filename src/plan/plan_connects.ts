// A network whose connections may be the host's own (src/net/fast): the command and all that comes of it may not connect or bind a TCP
// socket, by Landlock, which is asked for every such call with the address as the kernel has it; the supervisor, which may, does it for
// them. It learns of the calls by the listener of one more filter. Landlock's network rules came with Linux 6.7.
import { SECCOMP_SET_MODE_FILTER } from "./constants.ts";
import type { Program } from "./program.ts";
import { sendDescriptor } from "./send_descriptor.ts";
import { type Bytes, flags, named } from "./step.ts";

const LANDLOCK_ACCESS_NET = { LANDLOCK_ACCESS_NET_BIND_TCP: 1, LANDLOCK_ACCESS_NET_CONNECT_TCP: 2 } as const;
const SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;

/** struct sock_fprog {u16 len; struct sock_filter *filter}. */
export function filterProgram(filter: Uint8Array): Bytes {
  const shown = `${filter.length / 8} instructions`;
  const content = new Uint8Array(16);
  new DataView(content.buffer).setUint16(0, filter.length / 8, true);
  return {
    kind: "bytes",
    content,
    shown: `{${shown}}`,
    pointers: [{ at: 8, to: { kind: "bytes", content: filter, shown } }],
  };
}

/** struct landlock_ruleset_attr {u64 handled_access_fs, handled_access_net}; a right that is handled and given by no rule is denied. */
export function planDenial(program: Program): void {
  const aim = { kind: "landlock" } as const;
  const rights = flags(LANDLOCK_ACCESS_NET, "LANDLOCK_ACCESS_NET_BIND_TCP", "LANDLOCK_ACCESS_NET_CONNECT_TCP");
  const content = new Uint8Array(BigUint64Array.of(0n, BigInt(rights.value)).buffer);
  const attributes: Bytes = { kind: "bytes", content, shown: `{handled_access_net: ${rights.shown}}` };
  const ruleset = program.let("ruleset", aim, "landlock_create_ruleset", [attributes, content.length, 0]);
  program.add(aim, "landlock_restrict_self", [ruleset, 0]);
  program.add(aim, "close", [ruleset]);
}

/** The listener closes at the execve that follows, should the supervisor have it or not. */
export function planListener(program: Program, filter: Uint8Array, networkFd: number): void {
  const aim = { kind: "listener" } as const;
  const listener = program.let("listener", aim, "seccomp", [
    named(SECCOMP_SET_MODE_FILTER, "SECCOMP_SET_MODE_FILTER"),
    named(SECCOMP_FILTER_FLAG_NEW_LISTENER, "SECCOMP_FILTER_FLAG_NEW_LISTENER"),
    filterProgram(filter),
  ]);
  sendDescriptor(program, aim, networkFd, listener);
}
