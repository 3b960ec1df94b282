// The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit words. Sums are folded to 16 bits
// and can be the `initial` of the next piece, so a packet in pieces is summed without being joined.
import type { IpAddress } from "./ip_address.ts";
import { get16 } from "./network_order.ts";

/** What TCP, UDP and ICMPv6 sum besides their own bytes. Given to a parser, it asks for the checksum to be verified. */
export type PseudoHeader = {
  readonly source: IpAddress;
  readonly destination: IpAddress;
};

/** Below this a view of words costs more than it saves. */
const SHORT = 64;

/** The sum of `bytes`, an odd last one padded with zero. A piece of odd length must be the last: else {@link sumSlices}. */
export function sum(bytes: Uint8Array, initial = 0): number {
  if (bytes.length < SHORT) return sumShort(bytes, initial);
  return (bytes.byteOffset & 1) === 0 ? sumAligned(bytes, initial) : sumUnaligned(bytes, initial);
}

/** The sum of pieces that follow each other, of any lengths. */
export function sumSlices(slices: readonly Uint8Array[], initial = 0): number {
  let total = initial;
  let odd = false;
  for (const slice of slices) {
    // A piece at an odd place has its octets in the other half of each word: RFC 1071 section 2(B), the sum of swapped words is the swapped sum.
    total = fold(total + (odd ? swap(sum(slice)) : sum(slice)));
    odd = odd !== ((slice.length & 1) === 1);
  }
  return total;
}

/** The checksum field for a sum. */
export function complement(sum: number): number {
  return ~sum & 0xffff;
}

/** Are `bytes`, their checksum field among them, as they were sent? Any error-free sum is all ones (RFC 1071 section 1, step 3). */
export function isIntact(bytes: Uint8Array, initial = 0): boolean {
  return sum(bytes, initial) === 0xffff;
}

/**
 * The sum of the pseudo-header: RFC 9293 section 3.1 for IPv4, RFC 8200 section 8.1 for IPv6. `length` is the upper layer's, header
 * and payload. As it is, not complemented, it is also what VIRTIO_NET_HDR_F_NEEDS_CSUM wants in the checksum field (virtio 1.2,
 * 5.1.6.2): whoever completes the checksum sums from csum_start on over it. It never is 0, for the protocol is among it.
 */
export function pseudoHeaderSum(pseudo: PseudoHeader, protocol: number, length: number): number {
  const addresses = sumShort(pseudo.source.bytes, sumShort(pseudo.destination.bytes, 0));
  return fold(addresses + protocol + (length >>> 16) + (length & 0xffff));
}

/** The words as they are in the host's order, swapped at the end. Both architectures that we run on are little-endian. */
function sumAligned(bytes: Uint8Array, initial: number): number {
  const even = bytes.length & ~1;
  const words = swap(fold(sumWords(new Uint16Array(bytes.buffer, bytes.byteOffset, even >> 1))));
  return fold(initial + words + (even === bytes.length ? 0 : (bytes[even] ?? 0) << 8));
}

/** From the second octet on, words of the host's order have each octet in the half where the packet's order wants it. */
function sumUnaligned(bytes: Uint8Array, initial: number): number {
  const count = (bytes.length - 1) >> 1;
  const words = fold(sumWords(new Uint16Array(bytes.buffer, bytes.byteOffset + 1, count)));
  const last = 2 * count + 1;
  return fold(initial + ((bytes[0] ?? 0) << 8) + words + (bytes[last] ?? 0));
}

/** 32768 words, the largest packet, stay below 2^31, so the additions are integer ones. */
function sumWords(words: Uint16Array): number {
  let total = 0;
  for (let at = 0; at < words.length; at++) total += words[at] ?? 0;
  return total;
}

function sumShort(bytes: Uint8Array, initial: number): number {
  const even = bytes.length & ~1;
  let total = initial;
  for (let at = 0; at < even; at += 2) total += get16(bytes, at);
  return fold(even === bytes.length ? total : total + ((bytes[even] ?? 0) << 8));
}

/** End-around carry. Totals may be more than 32 bits, where >>> would cut. */
function fold(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000);
  return folded;
}

function swap(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}
