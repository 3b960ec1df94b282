// sendmsg(2) and recvmsg(2) of whole messages with descriptors, SCM_RIGHTS of unix(7), on sockets of SOCK_SEQPACKET. They wait where the socket does.
import { ERRNO } from "./errno.ts";
import { Fd } from "./fd.ts";
import { address, rawSyscall } from "./libc.ts";
import { SyscallError } from "./syscall_error.ts";

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 0x8;
const MSG_TRUNC = 0x20;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** struct cmsghdr: a length of 8 bytes, level, type. */
const CMSG_HEADER = 16;
/** SCM_MAX_FD: what one message takes. */
export const MOST_DESCRIPTORS = 253;
/** struct msghdr in words of 8 bytes: name, namelen, iov, iovlen, control, controllen, flags. */
const [CONTROL_LENGTH, FLAGS] = [5, 6];

export type Message = { readonly kind: "message"; readonly bytes: Uint8Array; readonly fds: readonly Fd[] };
export type Received =
  | Message
  /** The other end has closed. */
  | { readonly kind: "end" }
  /** EAGAIN where none waits; EMSGSIZE for one that is larger than what was asked for, which is gone then. */
  | { readonly kind: "failed"; readonly errno: number };

/** 0, or a negated errno: EPIPE and ECONNRESET where the other end has gone, EAGAIN where it does not read. The descriptors stay the caller's. */
export function sendMessage(socket: number, bytes: Uint8Array, fds: readonly number[] = []): number {
  const control = fds.length === 0 ? undefined : rightsOf(fds);
  const result = withHeader(bytes, control, (header) => rawSyscall("sendmsg", socket, header, MSG_NOSIGNAL));
  return Math.min(result, 0);
}

/** The next message, of `most` bytes and `mostDescriptors` at most, which are the caller's. */
export function receiveMessage(socket: number, most: number, mostDescriptors = MOST_DESCRIPTORS): Received {
  const bytes = new Uint8Array(most);
  const control = new Uint8Array(rightsLength(mostDescriptors));
  let [controlLength, flags] = [0, 0];
  const result = withHeader(bytes, control, (header) => {
    const got = rawSyscall("recvmsg", socket, header, MSG_CMSG_CLOEXEC);
    [controlLength, flags] = [Number(header[CONTROL_LENGTH]), Number((header[FLAGS] ?? 0n) & 0xffffffffn)];
    return got;
  });
  if (result < 0) return { kind: "failed", errno: -result };
  const fds = descriptorsIn(control, controlLength);
  if ((flags & (MSG_CTRUNC | MSG_TRUNC)) !== 0) {
    for (const fd of fds) fd.close();
    return { kind: "failed", errno: ERRNO.EMSGSIZE };
  }
  return result === 0 && fds.length === 0
    ? { kind: "end" }
    : { kind: "message", bytes: bytes.subarray(0, result), fds };
}

/** The one descriptor that comes with the next message. Throws where there is none. */
export function receiveFd(socket: Fd, purpose: string): Fd {
  const received = receiveMessage(socket.number, 1, 1);
  if (received.kind === "failed") throw new SyscallError("recvmsg", purpose, received.errno);
  const fd = received.kind === "message" ? received.fds[0] : undefined;
  if (fd === undefined) throw new Error(`no descriptor came for the ${purpose}`);
  return fd;
}

function withHeader(
  bytes: Uint8Array,
  control: Uint8Array | undefined,
  call: (header: BigUint64Array) => number,
): number {
  const vector = BigUint64Array.of(BigInt(bytes.length === 0 ? 0 : address(bytes)), BigInt(bytes.length));
  const [at, length] = control ? [BigInt(address(control)), BigInt(control.length)] : [0n, 0n];
  const header = BigUint64Array.of(0n, 0n, BigInt(address(vector)), 1n, at, length, 0n);
  for (;;) {
    const result = call(header);
    if (result !== -ERRNO.EINTR) return result;
  }
}

/** CMSG_SPACE(3): whole words of 8 bytes. */
function rightsLength(descriptors: number): number {
  return (CMSG_HEADER + descriptors * 4 + 7) & ~7;
}

function rightsOf(fds: readonly number[]): Uint8Array {
  const length = CMSG_HEADER + fds.length * 4;
  const control = new Uint8Array(rightsLength(fds.length));
  const view = new DataView(control.buffer);
  view.setBigUint64(0, BigInt(length), true);
  view.setInt32(8, SOL_SOCKET, true);
  view.setInt32(12, SCM_RIGHTS, true);
  for (const [i, fd] of fds.entries()) view.setInt32(CMSG_HEADER + i * 4, fd, true);
  return control;
}

/** The kernel writes one of SCM_RIGHTS, and no other unless it was asked to. */
function descriptorsIn(control: Uint8Array, controlLength: number): readonly Fd[] {
  const view = new DataView(control.buffer);
  if (controlLength < CMSG_HEADER || view.getInt32(8, true) !== SOL_SOCKET || view.getInt32(12, true) !== SCM_RIGHTS)
    return [];
  const count = Math.floor((Number(view.getBigUint64(0, true)) - CMSG_HEADER) / 4);
  return Array.from({ length: count }, (_, i) => new Fd(view.getInt32(CMSG_HEADER + i * 4, true)));
}
