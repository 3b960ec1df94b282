// The answer to a segment of no connection: RFC 9293, 3.10.7.1.
import { TCP_FLAG, type TcpHeader, type TcpSegment } from "../wire/tcp.ts";

/** Undefined for a reset: two sides without a connection would answer each other for ever. */
export function resetFor(segment: TcpSegment): TcpHeader | undefined {
  const { flags, payload } = segment;
  if (flags & TCP_FLAG.RST) return undefined;
  const hasAck = (flags & TCP_FLAG.ACK) !== 0;
  const length = payload.length + (flags & TCP_FLAG.SYN ? 1 : 0) + (flags & TCP_FLAG.FIN ? 1 : 0);
  return {
    sourcePort: segment.destinationPort,
    destinationPort: segment.sourcePort,
    sequenceNumber: hasAck ? segment.acknowledgmentNumber : 0,
    acknowledgmentNumber: hasAck ? 0 : (segment.sequenceNumber + length) >>> 0,
    flags: hasAck ? TCP_FLAG.RST : TCP_FLAG.RST | TCP_FLAG.ACK,
    window: 0,
    options: {},
  };
}
