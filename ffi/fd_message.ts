// Messages of a SOCK_SEQPACKET socket with descriptors beside them: sendmsg(2), recvmsg(2), SCM_RIGHTS of unix(7).
import { ERRNO } from "./errno.ts";
import { Fd } from "./fd.ts";
import { address, rawSyscall } from "./libc.ts";

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_TRUNC = 0x20;
const MSG_CTRUNC = 0x08;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** struct cmsghdr {len, level, type}; what is behind it is in whole words of 8 bytes. */
const HEADER_BYTES = 16;
/** Of struct msghdr, in words of 8 bytes. */
const [CONTROL_LENGTH, FLAGS] = [5, 6];

export type FdMessage = { readonly bytes: Uint8Array; readonly fds: readonly Fd[] };

/** 0, or a negated errno: EPIPE and ECONNRESET where the other end has gone, EAGAIN where it does not read. */
export function sendFdMessage(socket: number, bytes: Uint8Array, fds: readonly number[] = []): number {
  const length = HEADER_BYTES + 4 * fds.length;
  const control = new Int32Array(2 * Math.ceil(length / 8));
  control.set([length, 0, SOL_SOCKET, SCM_RIGHTS, ...fds]);
  const content = bytes.slice();
  const vector = BigUint64Array.of(BigInt(address(content)), BigInt(content.length));
  const message = header(vector, control, fds.length > 0 ? control.byteLength : 0);
  for (;;) {
    const result = rawSyscall("sendmsg", socket, message, MSG_NOSIGNAL);
    if (result >= 0) return 0;
    if (result !== -ERRNO.EINTR) return result;
  }
}

/**
 * The next message, of `most` bytes and `mostFds` descriptors at most; `undefined` when the other end has closed. A negated errno else: EAGAIN where
 * none waits, EMSGSIZE for one that is larger, which is gone then.
 */
export function receiveFdMessage(socket: number, most: number, mostFds: number): FdMessage | undefined | number {
  const content = new Uint8Array(new ArrayBuffer(most));
  const control = new Int32Array((HEADER_BYTES + 8 * Math.ceil(mostFds / 2)) / 4);
  const vector = BigUint64Array.of(BigInt(address(content)), BigInt(most));
  const message = header(vector, control, control.byteLength);
  let length = -ERRNO.EINTR;
  while (length === -ERRNO.EINTR) length = rawSyscall("recvmsg", socket, message, MSG_CMSG_CLOEXEC);
  if (length < 0) return length;
  const fds = descriptorsIn(control, Number(message[CONTROL_LENGTH]));
  if ((Number(message[FLAGS]) & (MSG_TRUNC | MSG_CTRUNC)) !== 0) {
    for (const fd of fds) fd.close();
    return -ERRNO.EMSGSIZE;
  }
  return length === 0 && fds.length === 0 ? undefined : { bytes: content.subarray(0, length), fds };
}

function header(vector: BigUint64Array, control: Int32Array, controlLength: number): BigUint64Array {
  const at = (view: NodeJS.TypedArray): bigint => BigInt(address(view));
  return BigUint64Array.of(0n, 0n, at(vector), 1n, controlLength > 0 ? at(control) : 0n, BigInt(controlLength), 0n);
}

function descriptorsIn(control: Int32Array, length: number): readonly Fd[] {
  if (length < HEADER_BYTES || control[2] !== SOL_SOCKET || control[3] !== SCM_RIGHTS) return [];
  const count = ((control[0] ?? 0) - HEADER_BYTES) / 4;
  return Array.from({ length: count }, (_, i) => new Fd(control[4 + i] ?? -1));
}
