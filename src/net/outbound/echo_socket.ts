// The host's side of ICMP echo: a ping socket, icmp(7), for which no privilege is needed where net.ipv4.ping_group_range has a group of
// ours (it rules IPv6 too). What is sent and what comes is the ICMP message: an echo request, its reply. The kernel puts an identifier of its
// own into the request, and makes the checksum; so replies have that identifier, not the sandbox's.
import type { DatagramBatch } from "../../../ffi/datagram_batch.ts";
import type { Address } from "../../../ffi/sockaddr.ts";
import { connectDatagrams, type DatagramSocket } from "./datagram_socket.ts";
import type { Opened } from "./opened.ts";

/** EACCES where no group of ours may. */
export function connectEcho(to: Address, into: DatagramBatch): Opened<DatagramSocket> {
  return connectDatagrams({ address: to, port: 0 }, "echo", into);
}
