// What a segment deserves before anything in it is believed: RFC 9293, 3.10.7.4, with the stricter tests of RFC 5961 against resets, SYNs
// and acknowledgments from someone who guesses, and PAWS of RFC 7323.
import { TCP_FLAG, type TcpSegment } from "../wire/tcp.ts";

/**
 * `acknowledge` says where we are, `challenge` does so too, but so often only: it answers what a loop or a guesser could send without
 * end. `repeat` is the peer's SYN once more: our answer to it was lost.
 */
export type Verdict = "accept" | "drop" | "acknowledge" | "challenge" | "reset" | "repeat";

/** Where both streams are, in offsets. */
export type Position = {
  /** The segment's. */
  readonly from: number;
  readonly ack: number;
  /** RCV.NXT and the right edge of its window. */
  readonly nxt: number;
  readonly edge: number;
  readonly una: number;
  readonly sent: number;
  readonly largestWindow: number;
  readonly isTimely: boolean;
  readonly isEstablished: boolean;
};

export function checkSegment(segment: TcpSegment, at: Position): Verdict {
  const { flags, payload } = segment;
  if (flags & TCP_FLAG.RST) return checkReset(at);
  if (flags & TCP_FLAG.SYN)
    return !at.isEstablished && at.from === 0 && !(flags & TCP_FLAG.ACK) ? "repeat" : "challenge";
  const length = payload.length + (flags & TCP_FLAG.FIN ? 1 : 0);
  if (!at.isTimely || !isInWindow(length, at)) return length > 0 ? "acknowledge" : "challenge";
  if (!(flags & TCP_FLAG.ACK)) return "drop";
  return isPossible(at) ? "accept" : "challenge";
}

/** RFC 5961, 3.2: only the very next number resets. */
function checkReset({ from, nxt, edge }: Position): Verdict {
  if (from === nxt) return "reset";
  return from > nxt && from <= edge ? "challenge" : "drop";
}

/**
 * Wider than the RFC's table by the edge itself: a peer that filled the window has no other number to acknowledge with, and one that
 * probes a closed window should be heard. What is beyond the edge is cut off later.
 */
function isInWindow(length: number, { from, nxt, edge }: Position): boolean {
  return from <= edge && (length === 0 ? from >= nxt : from + length > nxt);
}

/** RFC 5961, 5.2. */
function isPossible({ ack, una, sent, largestWindow, isEstablished }: Position): boolean {
  if (!isEstablished) return ack > una && ack <= sent;
  return ack <= sent && ack >= una - largestWindow;
}
