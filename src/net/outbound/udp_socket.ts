// The host's side of one UDP flow.
import type { PinnedBuffer } from "../../../ffi/pinned_buffer.ts";
import type { Endpoint } from "../../../ffi/sockaddr.ts";
import { connectDatagrams, type DatagramSocket } from "./datagram_socket.ts";
import type { Opened } from "./opened.ts";

/** @param into 65,535 bytes hold any datagram. */
export function connectUdp(to: Endpoint, into: PinnedBuffer): Opened<DatagramSocket> {
  return connectDatagrams(to, "datagram", into);
}
