// Internet sockets, socket(7): always non-blocking and close-on-exec. What a connection's other end or its way can cause is a result,
// a negated errno; what only a lack of descriptors or a wrong argument of ours can cause is thrown.
import { Fd } from "./fd.ts";
import { rawSyscall, type SyscallArgument, syscall } from "./libc.ts";
import { AF_INET, AF_INET6, type Endpoint, Sockaddr } from "./sockaddr.ts";
import { SyscallError } from "./syscall_error.ts";

/** `echo`: a ping socket, icmp(7), which the groups of net.ipv4.ping_group_range may make. */
export type SocketType = "stream" | "datagram" | "echo";

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK_CLOEXEC = 0o2004000;
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SHUT = { read: 0, write: 1, both: 2 } as const;

const SOL_SOCKET = 1;
const SO_ERROR = 4;
const PATH_MTU = { 4: [0, 14], 6: [41, 24] } as const;
/** [level, name] for {@link setOption}: socket(7), tcp(7), udp(7), ip(7), ipv6(7). */
export const OPTION = {
  SO_REUSEADDR: [SOL_SOCKET, 2],
  SO_SNDBUF: [SOL_SOCKET, 7],
  SO_RCVBUF: [SOL_SOCKET, 8],
  SO_KEEPALIVE: [SOL_SOCKET, 9],
  TCP_NODELAY: [6, 1],
  IP_TTL: [0, 2],
  IP_PKTINFO: [0, 8],
  IPV6_UNICAST_HOPS: [41, 16],
  IPV6_V6ONLY: [41, 26],
  IPV6_RECVPKTINFO: [41, 49],
  UDP_GRO: [17, 104],
} as const;
export type OptionName = keyof typeof OPTION;
const SO_LINGER = 13;

/** A new socket, or a negated errno: EAFNOSUPPORT without IPv6, EACCES for a ping socket, EMFILE. */
export function socket(family: 4 | 6, type: SocketType): number {
  const kind = (type === "stream" ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK_CLOEXEC;
  const protocol = type === "echo" ? (family === 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6) : 0;
  return rawSyscall("socket", family === 4 ? AF_INET : AF_INET6, kind, protocol);
}

/** connect(2): 0, -EINPROGRESS (writable once it is decided: {@link takeError}), or another negated errno. */
export function connect(fd: number, to: Sockaddr): number {
  return rawSyscall("connect", fd, to.address, to.length);
}

/** bind(2): 0, or a negated errno. */
export function bind(fd: number, to: Sockaddr): number {
  return rawSyscall("bind", fd, to.address, to.length);
}

/** listen(2): 0, or a negated errno. */
export function listen(fd: number, backlog: number): number {
  return rawSyscall("listen", fd, backlog);
}

/** accept4(2): a descriptor whose peer is then in `peer`, or a negated errno. */
export function accept(fd: number, peer: Sockaddr): number {
  peer.makeRoom();
  return rawSyscall("accept4", fd, peer.address, peer.lengthAddress, SOCK_NONBLOCK_CLOEXEC);
}

/** As {@link accept}, from a socket of any family. */
export function acceptAny(fd: number): number {
  return rawSyscall("accept4", fd, 0, 0, SOCK_NONBLOCK_CLOEXEC);
}

/** getsockname(2): the socket's own address. */
export function localEndpoint(fd: number): Endpoint {
  const here = new Sockaddr();
  syscall("getsockname", "socket", fd, here.address, here.lengthAddress);
  return here.get();
}

/** getpeername(2); `undefined` when it is not connected, or not any more. */
export function peerEndpoint(fd: number): Endpoint | undefined {
  const there = new Sockaddr();
  return rawSyscall("getpeername", fd, there.address, there.lengthAddress) === 0 ? there.get() : undefined;
}

/** SO_ERROR: the errno that waits, or 0. Reading it takes it away. */
export function takeError(fd: number): number {
  const value = new Int32Array(1);
  const length = Int32Array.of(4);
  const result = rawSyscall("getsockopt", fd, SOL_SOCKET, SO_ERROR, value, length);
  if (result < 0) throw new SyscallError("getsockopt", "SO_ERROR", -result);
  return value[0] ?? 0;
}

/** IP_MTU, IPV6_MTU: how large a packet of a connected socket may be, as far as the kernel knows by now; 0 where it does not. */
export function pathMtu(fd: number, family: 4 | 6): number {
  const [level, name] = PATH_MTU[family];
  const value = new Int32Array(1);
  return rawSyscall("getsockopt", fd, level, name, value, Int32Array.of(4)) < 0 ? 0 : (value[0] ?? 0);
}

/** setsockopt(2) of an integer. */
export function setOption(fd: number, option: OptionName, value: number): void {
  const [level, name] = OPTION[option];
  syscall("setsockopt", option, fd, level, name, Int32Array.of(value), 4);
}

/** From now on close(2) sends RST in place of FIN, and drops what was not sent yet: SO_LINGER with no time, socket(7). */
export function resetOnClose(fd: number): void {
  syscall("setsockopt", "SO_LINGER", fd, SOL_SOCKET, SO_LINGER, Int32Array.of(1, 0), 8);
}

/** shutdown(2): 0, or a negated errno: ENOTCONN after the peer's RST. */
export function shutdown(fd: number, direction: keyof typeof SHUT): number {
  return rawSyscall("shutdown", fd, SHUT[direction]);
}

/** send(2), which never waits and raises no SIGPIPE: how many bytes were taken, or a negated errno. */
export function send(fd: number, bytes: SyscallArgument, length: number): number {
  return rawSyscall("sendto", fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/** recv(2), which never waits: how many bytes came (0: end of stream), or a negated errno. */
export function receive(fd: number, into: SyscallArgument, length: number): number {
  return rawSyscall("recvfrom", fd, into, length, MSG_DONTWAIT);
}

/** recv(2) of a datagram: its length, which is more than `length` where it was cut off (MSG_TRUNC), or a negated errno. */
export function receiveDatagram(fd: number, into: SyscallArgument, length: number): number {
  return rawSyscall("recvfrom", fd, into, length, MSG_DONTWAIT | MSG_TRUNC);
}

/** sendto(2): as {@link send}, to an address. */
export function sendTo(fd: number, bytes: SyscallArgument, length: number, to: Sockaddr): number {
  return rawSyscall("sendto", fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, to.address, to.length);
}

/** recvfrom(2): as {@link receiveDatagram}; the sender is then in `from`. */
export function receiveFrom(fd: number, into: SyscallArgument, length: number, from: Sockaddr): number {
  from.makeRoom();
  return rawSyscall("recvfrom", fd, into, length, MSG_DONTWAIT | MSG_TRUNC, from.address, from.lengthAddress);
}

/** As {@link socket}, with an owner; throws where there is none. For set-up, e.g. of a test. */
export function openSocket(family: 4 | 6, type: SocketType): Fd {
  const fd = socket(family, type);
  if (fd < 0) throw new SyscallError("socket", `IPv${family} ${type}`, -fd);
  return new Fd(fd);
}
