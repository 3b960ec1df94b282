// What a segment tells the sender of the other direction, freed from wire numbers.
import { TCP_FLAG, type TcpOptions, type TcpSegment } from "../wire/tcp.ts";
import type { Agreement } from "./handshake.ts";
import type { Hole } from "./loss_recovery.ts";
import { timestampsAt } from "./outgoing_segment.ts";
import { offsetNear } from "./sequence.ts";
import type { TcpEndpoint } from "./tcp_settings.ts";

/** In offsets. */
export type Acknowledgment = {
  readonly ack: number;
  /** Scaled. */
  readonly window: number;
  /** Of the segment itself: with `ack`, tells a newer window from an older one (SND.WL1, SND.WL2). */
  readonly from: number;
  /** It carries nothing but the acknowledgment. */
  readonly bare: boolean;
  readonly sacks: readonly Hole[];
  /** By its timestamp, if it has one. */
  readonly roundTrip: number | undefined;
};

const NO_SACKS: readonly Hole[] = [];
/** A longer round trip than this was not one: the peer echoes what it likes. */
const LONGEST_ROUND_TRIP = 60_000;

export function acknowledgmentOf(
  endpoint: TcpEndpoint,
  agreed: Agreement,
  { options, flags, payload, window }: TcpSegment,
  { from, ack }: { readonly from: number; readonly ack: number },
  now: number,
): Acknowledgment {
  const isSyn = (flags & TCP_FLAG.SYN) !== 0;
  return {
    ack,
    from,
    // RFC 7323, 2.2: never scaled in a SYN.
    window: isSyn ? window : window * 2 ** agreed.sendScale,
    bare: payload.length === 0 && (flags & (TCP_FLAG.FIN | TCP_FLAG.SYN)) === 0,
    sacks: agreed.sack && options.sackBlocks ? sacksOf(endpoint, options.sackBlocks, ack) : NO_SACKS,
    roundTrip: agreed.timestamps && options.timestamps ? roundTrip(endpoint, options.timestamps, now) : undefined,
  };
}

function sacksOf(
  { initialSequenceNumber }: TcpEndpoint,
  blocks: NonNullable<TcpOptions["sackBlocks"]>,
  near: number,
): readonly Hole[] {
  return blocks.map(([left, right]) => ({
    from: offsetNear(initialSequenceNumber, left, near),
    to: offsetNear(initialSequenceNumber, right, near),
  }));
}

function roundTrip(
  endpoint: TcpEndpoint,
  { echoReply }: NonNullable<TcpOptions["timestamps"]>,
  now: number,
): number | undefined {
  const time = (timestampsAt(endpoint, undefined, now).value - echoReply) | 0;
  return time >= 0 && time <= LONGEST_ROUND_TRIP ? time : undefined;
}
