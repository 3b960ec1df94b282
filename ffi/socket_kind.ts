// What kind of socket a descriptor of somebody else's is: SO_DOMAIN, SO_TYPE and SO_ACCEPTCONN of socket(7).
import { rawSyscall } from "./libc.ts";
import { AF_INET, AF_INET6 } from "./sockaddr.ts";

const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_ACCEPTCONN = 30;
const SO_DOMAIN = 39;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

/** Why it cannot serve as a port of the host's, if so. It does not wait any more from now on. */
export function portSocketProblem(fd: number, protocol: "tcp" | "udp"): string | undefined {
  const family = option(fd, SO_DOMAIN);
  if (family === undefined) return "what came is no socket";
  const isFit = option(fd, SO_TYPE) === (protocol === "tcp" ? SOCK_STREAM : SOCK_DGRAM);
  if ((family !== AF_INET && family !== AF_INET6) || !isFit) return `the socket is none of ${protocol}`;
  if (protocol === "tcp" && option(fd, SO_ACCEPTCONN) !== 1) return "the socket does not listen";
  rawSyscall("fcntl", fd, F_SETFL, rawSyscall("fcntl", fd, F_GETFL) | O_NONBLOCK);
  return undefined;
}

function option(fd: number, name: number): number | undefined {
  const value = new Int32Array(1);
  const result = rawSyscall("getsockopt", fd, SOL_SOCKET, name, value, Int32Array.of(4));
  return result === 0 ? value[0] : undefined;
}
