// Listening sockets of the unix family, unix(7): always non-blocking and close-on-exec. What a user can cause is a negated errno.
import { Fd } from "./fd.ts";
import { rawSyscall, syscall } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 0o2004001;
const SOCK_SEQPACKET_CLOEXEC = 0o2000005;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_PEERCRED = 17;
const SO_ACCEPTCONN = 30;
const SO_DOMAIN = 39;
const SOCK_DGRAM = 2;
const FAMILY_BYTES = 2;
/** sun_path, with the NUL at its end. */
const PATH_BYTES = 108;

export function openUnixSocket(): Fd {
  return new Fd(syscall("socket", "unix stream", AF_UNIX, SOCK_STREAM_NONBLOCK_CLOEXEC, 0));
}

/** SOCK_SEQPACKET, whose messages are whole. A client that has nothing else to do `waits` in its calls. */
export function openPacketSocket(calls: "waits" | "returns" = "waits"): Fd {
  const type = SOCK_SEQPACKET_CLOEXEC | (calls === "returns" ? SOCK_NONBLOCK : 0);
  return new Fd(syscall("socket", "unix packet", AF_UNIX, type, 0));
}

/** bind(2) to a path: 0, or a negated errno. */
export function bindUnix(fd: number, path: string): number {
  const address = sockaddr(path);
  return rawSyscall("bind", fd, address, address.length);
}

/** connect(2): 0, or a negated errno: ECONNREFUSED where nobody listens, EAGAIN where somebody does and has no room. */
export function connectUnix(fd: number, path: string): number {
  const address = sockaddr(path);
  return rawSyscall("connect", fd, address, address.length);
}

/** May `path` be the name of a socket? */
export function fitsSockaddr(path: string): boolean {
  return new TextEncoder().encode(path).length < PATH_BYTES;
}

/** SO_PEERCRED: the user id of the process at the other end, when it connected; `undefined` for a socket of another family. */
export function peerUser(fd: number): number | undefined {
  return peerProcess(fd)?.uid;
}

/** The process at the other end, when it connected: SO_PEERCRED, too. */
export function peerProcess(fd: number): { readonly pid: number; readonly uid: number } | undefined {
  const credentials = new Uint32Array(3);
  const result = rawSyscall("getsockopt", fd, SOL_SOCKET, SO_PEERCRED, credentials, Int32Array.of(12));
  const [pid = 0, uid = 0] = credentials;
  return result === 0 ? { pid, uid } : undefined;
}

/** SO_DOMAIN. */
export function socketFamily(fd: number): "unix" | "other" {
  const value = new Int32Array(1);
  const result = rawSyscall("getsockopt", fd, SOL_SOCKET, SO_DOMAIN, value, Int32Array.of(4));
  return result === 0 && value[0] === AF_UNIX ? "unix" : "other";
}

/** SO_ACCEPTCONN: has listen(2) been called on it? `undefined` for what is no socket. */
export function isListening(fd: number): boolean | undefined {
  const value = new Int32Array(1);
  const result = rawSyscall("getsockopt", fd, SOL_SOCKET, SO_ACCEPTCONN, value, Int32Array.of(4));
  return result === 0 ? value[0] === 1 : undefined;
}

/** Of a socket that has been accepted or connected, though its other end may have gone: SO_TYPE tells it from a bound one of datagrams. */
export function isConnection(fd: number): boolean {
  const type = new Int32Array(1);
  const result = rawSyscall("getsockopt", fd, SOL_SOCKET, SO_TYPE, type, Int32Array.of(4));
  return result === 0 && type[0] !== SOCK_DGRAM && isListening(fd) === false;
}

function sockaddr(path: string): Uint8Array {
  const name = new TextEncoder().encode(path);
  if (name.length >= PATH_BYTES) throw new RangeError(`the path of a socket has ${PATH_BYTES - 1} bytes at most`);
  const bytes = new Uint8Array(FAMILY_BYTES + name.length + 1);
  bytes[0] = AF_UNIX;
  bytes.set(name, FAMILY_BYTES);
  return bytes;
}
