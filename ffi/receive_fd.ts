// recvmsg(2) of one descriptor, SCM_RIGHTS of unix(7).
import { Fd } from "./fd.ts";
import { address, syscall } from "./libc.ts";

const MSG_CMSG_CLOEXEC = 0x40000000;
const CMSG_BYTES = 24;

/** The descriptor that comes with the next message on `socket`. Throws where a message has none. */
export function receiveFd(socket: Fd, purpose: string): Fd {
  const byte = new Uint8Array(1);
  const control = new Int32Array(CMSG_BYTES / 4);
  const vector = BigUint64Array.of(BigInt(address(byte)), 1n);
  const message = BigUint64Array.of(
    0n,
    0n,
    BigInt(address(vector)),
    1n,
    BigInt(address(control)),
    BigInt(CMSG_BYTES),
    0n,
  );
  syscall("recvmsg", purpose, socket.number, message, MSG_CMSG_CLOEXEC);
  if (message[5] !== BigInt(CMSG_BYTES)) throw new Error(`no descriptor came for the ${purpose}`);
  return new Fd(control[4] ?? -1);
}
