// Where a TCP stream begins or ends in a frame of a device: what a test wants to lose once for each connection.
import { ETHERNET_HEADER_LENGTH } from "../../src/net/wire/ethernet.ts";
import { parseIp } from "../../src/net/wire/ip.ts";
import { IP_PROTOCOL } from "../../src/net/wire/ip_packet.ts";
import { parseTcp, TCP_FLAG } from "../../src/net/wire/tcp.ts";
import { VIRTIO_NET_HDR_LENGTH } from "../../src/net/wire/virtio_net_hdr.ts";

/** A name for the connection and its SYN or FIN; `undefined` for a frame with neither. */
export function edgeOf(frame: Uint8Array): string | undefined {
  const packet = parseIp(frame.subarray(VIRTIO_NET_HDR_LENGTH + ETHERNET_HEADER_LENGTH));
  if (packet === undefined || packet.protocol !== IP_PROTOCOL.TCP) return undefined;
  const segment = parseTcp(packet.payload);
  const edge = (segment?.flags ?? 0) & (TCP_FLAG.SYN | TCP_FLAG.FIN);
  return edge === 0 ? undefined : `${segment?.sourcePort} ${segment?.destinationPort} ${edge}`;
}
