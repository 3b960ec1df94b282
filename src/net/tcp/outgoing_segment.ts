// Segments on their way out: the header as a value, the payload as slices of the send queue.
import { TCP_FLAG, type TcpHeader, type TcpOptions } from "../wire/tcp.ts";
import type { Agreement } from "./handshake.ts";
import type { ReceiveHalf } from "./receive_half.ts";
import { sequenceAt } from "./sequence.ts";
import type { TcpEndpoint } from "./tcp_settings.ts";

/** To be cut after every `maximumSegmentSize` bytes of `payload`, whose slices are valid until the connection is called again. */
export type OutgoingSegment = TcpHeader & {
  readonly payload: readonly Uint8Array[];
  readonly payloadLength: number;
  readonly maximumSegmentSize: number;
};

export type Timestamps = { readonly value: number; readonly echoReply: number };

/** What differs from a bare acknowledgment. `from` is an offset. */
export type Content = {
  readonly from: number;
  readonly flags: number;
  readonly window: number;
  readonly options: TcpOptions;
  readonly payload?: readonly Uint8Array[];
  readonly payloadLength?: number;
  readonly maximumSegmentSize?: number;
};

const NO_PAYLOAD: readonly Uint8Array[] = [];

export function outgoingSegment(
  endpoint: TcpEndpoint,
  receive: ReceiveHalf | undefined,
  { from, flags, window, options, payload = NO_PAYLOAD, payloadLength = 0, maximumSegmentSize = 0 }: Content,
): OutgoingSegment {
  return {
    sourcePort: endpoint.localPort,
    destinationPort: endpoint.remotePort,
    sequenceNumber: sequenceAt(endpoint.initialSequenceNumber, from),
    acknowledgmentNumber: receive ? receive.acknowledgmentNumber : 0,
    flags: receive ? flags | TCP_FLAG.ACK : flags,
    window,
    options,
    payload,
    payloadLength,
    maximumSegmentSize,
  };
}

/** The clock of RFC 7323, 5.4 ticks in milliseconds, from a number of the connection's own. */
export function timestampsAt(endpoint: TcpEndpoint, receive: ReceiveHalf | undefined, now: number): Timestamps {
  const value = sequenceAt(endpoint.timestampOffset, Math.floor(now));
  return { value, echoReply: receive ? receive.recentTimestamp : 0 };
}

const NO_OPTIONS: TcpOptions = {};
/** On the wire, with its padding. */
export const TIMESTAMPS_LENGTH = 12;

/** Of segments after the SYN. */
export function segmentOptions(
  endpoint: TcpEndpoint,
  receive: ReceiveHalf,
  { timestamps, sack }: Agreement,
  now: number,
): TcpOptions {
  const ranges = sack && receive.hasGaps ? { sackBlocks: receive.sackBlocks(mostRanges(timestamps)) } : undefined;
  if (!timestamps) return ranges ?? NO_OPTIONS;
  const stamps = timestampsAt(endpoint, receive, now);
  return ranges ? { timestamps: stamps, ...ranges } : { timestamps: stamps };
}

/** Of those, on the wire, padded. */
export function segmentOptionLength(receive: ReceiveHalf, { timestamps, sack }: Agreement): number {
  const ranges = sack && receive.hasGaps ? receive.sackBlocks(mostRanges(timestamps)).length : 0;
  return (timestamps ? TIMESTAMPS_LENGTH : 0) + (ranges > 0 ? 4 + 8 * ranges : 0);
}

/** RFC 2018, 3: 40 bytes hold four ranges, or three beside timestamps. */
function mostRanges(timestamps: boolean): number {
  return timestamps ? 3 : 4;
}
