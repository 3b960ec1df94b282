// Errors of the host's sockets as the ICMP messages that a router would have sent: a program in the sandbox then fails as it would on the
// host. RFC 792 and RFC 1812 section 5.2.7.1 for IPv4, RFC 4443 section 3.1 for IPv6; ip(7) and Linux's icmp_err_convert for which is which.
import { ERRNO } from "../../../ffi/errno.ts";

export type Unreachable = "network" | "host" | "port" | "prohibited";

/** `errno` is positive. */
export function unreachableOf(errno: number): Unreachable {
  switch (errno) {
    case ERRNO.ECONNREFUSED:
      return "port";
    case ERRNO.ENETUNREACH:
    case ERRNO.EAFNOSUPPORT:
      return "network";
    case ERRNO.EACCES:
    case ERRNO.EPERM:
      return "prohibited";
    default:
      return "host";
  }
}
