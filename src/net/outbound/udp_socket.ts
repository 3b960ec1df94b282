// The host's side of one UDP flow.
import type { DatagramBatch } from "../../../ffi/datagram_batch.ts";
import type { Endpoint } from "../../../ffi/sockaddr.ts";
import { connectDatagrams, type DatagramSocket } from "./datagram_socket.ts";
import type { Opened } from "./opened.ts";

/** @param into with room for 65,535 bytes it holds any datagram. */
export function connectUdp(to: Endpoint, into: DatagramBatch): Opened<DatagramSocket> {
  return connectDatagrams(to, "datagram", into);
}
