// Answers to requests: struct nlmsgerr, netlink(7), and the kernel's own words where the socket asked for them (NETLINK_EXT_ACK).
import { type Batch, type Message, messagesIn } from "./batch.ts";
import { AT_LENGTH, aligned, attributesIn, NLMSGHDR_BYTES, type Request } from "./message.ts";

const NLMSG_ERROR = 2;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
const ERROR_BYTES = 4;
const WORDS_LIMIT = 256;

/** setsockopt(2) of a netlink socket: answers with words, and without a copy of the request. */
export const SOL_NETLINK = 270;
export const NETLINK_CAP_ACK = 10;
export const NETLINK_EXT_ACK = 11;

export type Acknowledgement = {
  readonly sequence: number;
  /** 0 for success. */
  readonly errno: number;
  /** What the kernel says about it, if anything. */
  readonly words?: string;
};

export type FailedRequest = { readonly request: Request; readonly errno: number; readonly words?: string };

/** What an NLMSG_ERROR says; `undefined` for a message of another type, or one that is cut short. */
export function acknowledgementIn({ type, flags, sequence, body }: Message): Acknowledgement | undefined {
  if (type !== NLMSG_ERROR || body.length < ERROR_BYTES) return undefined;
  const errno = -new DataView(body.buffer, body.byteOffset, body.byteLength).getInt32(0, true) || 0;
  const words = flags & NLM_F_ACK_TLVS ? wordsIn(body, flags) : undefined;
  return words === undefined ? { sequence, errno } : { sequence, errno, words };
}

/** The first request of `batch` that failed, by what came back in `replies` (one or many messages, in order). */
export function firstFailure({ requests }: Batch, replies: Uint8Array): FailedRequest | undefined {
  for (const message of messagesIn(replies)) {
    const answer = acknowledgementIn(message);
    const request = answer && requests[answer.sequence - 1];
    if (!answer || answer.errno === 0 || !request) continue;
    const { errno, words } = answer;
    return words === undefined ? { request, errno } : { request, errno, words };
  }
  return undefined;
}

// The copy of the request comes first: all of it, or its header alone (NETLINK_CAP_ACK, and every success).
function wordsIn(body: Uint8Array, flags: number): string | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (body.length < ERROR_BYTES + NLMSGHDR_BYTES) return undefined;
  const copied = flags & NLM_F_CAPPED ? NLMSGHDR_BYTES : view.getUint32(ERROR_BYTES + AT_LENGTH, true);
  const found = attributesIn(body, ERROR_BYTES + aligned(copied), body.length).find(
    ({ type }) => type === NLMSGERR_ATTR_MSG,
  );
  if (!found) return undefined;
  const text = new TextDecoder().decode(body.subarray(found.at, found.at + Math.min(found.length, WORDS_LIMIT)));
  return text.replace(/\0.*$/s, "");
}
