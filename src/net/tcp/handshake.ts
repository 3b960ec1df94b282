// What SYNs offer and what both sides then hold to: window scales and timestamps (RFC 7323), selective acknowledgments (RFC 2018)
// and the size of segments (RFC 6691).
import type { TcpOptions } from "../wire/tcp.ts";
import type { Timestamps } from "./outgoing_segment.ts";
import type { TcpSettings } from "./tcp_settings.ts";

/** RFC 9293, 3.7.1: what a peer takes that does not say. */
const DEFAULT_SEGMENT_SIZE = 536;
/** With less, options alone could fill a segment; Linux lifts what a peer says to as much. */
const SMALLEST_SEGMENT_SIZE = 88;
/** RFC 7323, 2.3. */
const LARGEST_SCALE = 14;

export type Agreement = {
  /** Of the peer's window fields, and of ours. */
  readonly sendScale: number;
  readonly receiveScale: number;
  readonly scaled: boolean;
  readonly timestamps: boolean;
  readonly sack: boolean;
  /** Payload and options; the link is one, so what holds one way holds the other. */
  readonly segmentSize: number;
};

export function agree(settings: TcpSettings, theirs: TcpOptions): Agreement {
  const { windowScale, maximumSegmentSize = DEFAULT_SEGMENT_SIZE } = theirs;
  const scaled = windowScale !== undefined;
  return {
    scaled,
    sendScale: scaled ? Math.min(windowScale, LARGEST_SCALE) : 0,
    receiveScale: scaled ? scaleFor(settings.receiveLimit) : 0,
    timestamps: theirs.timestamps !== undefined,
    sack: theirs.sackPermitted === true,
    segmentSize: Math.min(settings.maximumSegmentSize, Math.max(maximumSegmentSize, SMALLEST_SEGMENT_SIZE)),
  };
}

/** All we know, in a SYN of our own; in one that answers, what the peer offered too. */
export function synOptions(settings: TcpSettings, agreed: Agreement | undefined, timestamps: Timestamps): TcpOptions {
  const windowScale = agreed ? agreed.receiveScale : scaleFor(settings.receiveLimit);
  return {
    maximumSegmentSize: settings.maximumSegmentSize,
    ...((agreed === undefined || agreed.scaled) && { windowScale }),
    ...((agreed === undefined || agreed.sack) && { sackPermitted: true }),
    ...((agreed === undefined || agreed.timestamps) && { timestamps }),
  };
}

/** The smallest with which the field can tell the whole limit. */
function scaleFor(limit: number): number {
  let scale = 0;
  while (scale < LARGEST_SCALE && limit > 0xffff * 2 ** scale) scale++;
  return scale;
}
