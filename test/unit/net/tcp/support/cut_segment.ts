// What a device does with a segment that is too large for a frame: cuts it, as TCP segmentation offload does.
import type { OutgoingSegment } from "../../../../../src/net/tcp/outgoing_segment.ts";
import { TCP_FLAG, type TcpSegment } from "../../../../../src/net/wire/tcp.ts";

/** Copies: what is on its way does not change with the queue it came from. `size`: of what is left whole, 0 to cut as asked. */
export function cutSegment(segment: OutgoingSegment, size = 0): readonly TcpSegment[] {
  const { payload: slices, payloadLength, maximumSegmentSize, ...header } = segment;
  const payload = new Uint8Array(Buffer.concat(slices));
  if (payload.length !== payloadLength) throw new Error(`${payload.length} bytes of a payload of ${payloadLength}`);
  const step = Math.max(1, size || maximumSegmentSize);
  const segments: TcpSegment[] = [];
  for (let at = 0; at === 0 || at < payloadLength; at += step) {
    const isLast = at + step >= payloadLength;
    const flags = isLast ? header.flags : header.flags & ~(TCP_FLAG.FIN | TCP_FLAG.PSH);
    const sequenceNumber = (header.sequenceNumber + at) >>> 0;
    segments.push({ ...header, flags, sequenceNumber, payload: payload.subarray(at, at + step) });
  }
  return segments;
}
