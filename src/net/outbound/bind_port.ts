// A port of the host's, taken before there is anybody to serve it: what a user can cause here is told before anything runs.
import { Fd } from "../../../ffi/fd.ts";
import { type Endpoint, Sockaddr } from "../../../ffi/sockaddr.ts";
import { bind, listen, setOption, socket } from "../../../ffi/socket.ts";
import type { Opened } from "./opened.ts";

export type PortProtocol = "tcp" | "udp";

const BACKLOG = 4096;

/**
 * A listening socket, or one for datagrams from anyone; port 0 has the kernel choose. EADDRINUSE, EACCES (a port below
 * net.ipv4.ip_unprivileged_port_start) and EADDRNOTAVAIL are what a user can cause. An IPv6 address takes no IPv4 clients.
 */
export function bindPort(protocol: PortProtocol, at: Endpoint): Opened<Fd> {
  const number = socket(at.address.family, protocol === "tcp" ? "stream" : "datagram");
  if (number < 0) return { kind: "failed", errno: -number };
  const fd = new Fd(number);
  // Ports whose last connections are in TIME_WAIT can be listened at, tcp(7). For UDP the option would share the port.
  if (protocol === "tcp") setOption(number, "SO_REUSEADDR", 1);
  if (at.address.family === 6) setOption(number, "IPV6_V6ONLY", 1);
  // Of all addresses, an answer is to come from the one that was asked.
  if (protocol === "udp" && at.address.bytes.every((byte) => byte === 0))
    setOption(number, at.address.family === 4 ? "IP_PKTINFO" : "IPV6_RECVPKTINFO", 1);
  const result = bind(number, new Sockaddr(at)) || (protocol === "tcp" ? listen(number, BACKLOG) : 0);
  if (result === 0) return { kind: "open", socket: fd };
  fd.close();
  return { kind: "failed", errno: -result };
}
