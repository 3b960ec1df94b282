// Sequence numbers wrap after 4 GiB (RFC 9293, 3.4). Inside this room no number does: a place in a stream is its offset, a plain
// number that starts at 0 with the SYN and only grows. Wire numbers are turned into offsets and back here and nowhere else.

/** The wire's number of `offset` in a stream whose SYN had the number `initial`. */
export function sequenceAt(initial: number, offset: number): number {
  return (initial + offset) >>> 0;
}

/** The offset that `sequence` means: of all that share the number, the one within 2 GiB of `near`. */
export function offsetNear(initial: number, sequence: number, near: number): number {
  return near + ((sequence - sequenceAt(initial, near)) | 0);
}

/** Timestamps wrap as sequence numbers do (RFC 7323, 5.2). */
export function isEarlier(timestamp: number, than: number): boolean {
  return ((timestamp - than) | 0) < 0;
}
