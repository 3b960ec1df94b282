// Several requests in one send. The kernel performs them in order, all of them, also those behind one that failed
// (netlink_rcv_skb), and has queued every answer when sendto(2) returns. It answers a request that failed whether it asked for
// an answer or not. So where only the last one asks (`ack: "last"`), the first message that comes back says it all: either it is
// the last one's with error 0, or the first failure's. That is what a child without a loop can check: one recvfrom(2) and
// one look at the errno, which is at REPLY_ERROR; the number at REPLY_SEQUENCE says whose it is, counted from 1.
import { AT_FLAGS, AT_LENGTH, AT_SEQUENCE, AT_TYPE, NLM_F, NLMSGHDR_BYTES, type Request } from "./message.ts";

/** Offsets in a reply of what `load` can take: the sequence number, and the negated errno, 0 for success. */
export const REPLY_SEQUENCE = AT_SEQUENCE;
export const REPLY_ERROR = NLMSGHDR_BYTES;
/** Room for the beginning of a reply. The rest of a longer one (it may repeat the request) is dropped by recvfrom(2). */
export const REPLY_BYTES = 128;

export type Batch = {
  readonly shown: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly requests: readonly Request[];
  /** Where each request begins in `bytes`. */
  readonly offsets: readonly number[];
};

/** The requests one behind the other, with sequence numbers from 1. */
export function batch(requests: readonly Request[], ack: "each" | "last"): Batch {
  const offsets: number[] = [];
  let size = 0;
  for (const { bytes } of requests) {
    offsets.push(size);
    size += bytes.length;
  }
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  requests.forEach((request, i) => {
    const at = offsets[i] ?? 0;
    bytes.set(request.bytes, at);
    view.setUint32(at + AT_SEQUENCE, i + 1, true);
    const asks = ack === "each" || i === requests.length - 1;
    if (asks) view.setUint16(at + AT_FLAGS, view.getUint16(at + AT_FLAGS, true) | NLM_F.NLM_F_ACK, true);
  });
  return { shown: requests.map(({ shown }) => shown).join(" "), bytes, requests, offsets };
}

export type Message = {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Uint8Array;
};

/** The messages in what a recvfrom(2) gave, up to the first whose length cannot be. */
export function messagesIn(bytes: Uint8Array): readonly Message[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Message[] = [];
  for (let at = 0; at + NLMSGHDR_BYTES <= bytes.length; ) {
    const length = view.getUint32(at + AT_LENGTH, true);
    if (length < NLMSGHDR_BYTES || length > bytes.length - at) break;
    found.push({
      type: view.getUint16(at + AT_TYPE, true),
      flags: view.getUint16(at + AT_FLAGS, true),
      sequence: view.getUint32(at + AT_SEQUENCE, true),
      body: bytes.subarray(at + NLMSGHDR_BYTES, at + length),
    });
    at += (length + 3) & ~3;
  }
  return found;
}
