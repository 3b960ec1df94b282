// pipe(2) and socketpair(2), close-on-exec on both ends.
import { Fd } from "./fd.ts";
import { syscall } from "./libc.ts";

const O_CLOEXEC = 0o2000000;
const AF_UNIX = 1;
const SOCK_SEQPACKET_CLOEXEC = 0o2000005;

export function pipe(purpose: string): { readonly read: Fd; readonly write: Fd } {
  const ends = new Int32Array(2);
  syscall("pipe2", purpose, ends, O_CLOEXEC);
  return { read: new Fd(ends[0] ?? -1), write: new Fd(ends[1] ?? -1) };
}

/** Two connected SOCK_SEQPACKET sockets, unix(7). */
export function socketPair(purpose: string): { readonly ours: Fd; readonly theirs: Fd } {
  const ends = new Int32Array(2);
  syscall("socketpair", purpose, AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0, ends);
  return { ours: new Fd(ends[0] ?? -1), theirs: new Fd(ends[1] ?? -1) };
}
