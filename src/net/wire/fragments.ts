// Datagrams in pieces: put together, RFC 791 section 3.2 and RFC 8200 section 4.5; and cut. Both families by one code.
// A sender may start any number of datagrams and finish none, so what is held has limits in number, bytes and time; where there
// is no room the oldest goes. Pieces that overlap have been ways around filters: all of their datagram is dropped, with what
// is still to come of it (RFC 5722 section 4; RFC 8200 section 4.5 lets exact copies pass).
import { copyAddress, equalAddresses, type IpAddress } from "./ip_address.ts";
import type { Fragment, IpHeader, IpPacket } from "./ip_packet.ts";
import { IPV4_HEADER_LENGTH } from "./ipv4.ts";
import { IPV6_FRAGMENT_HEADER_LENGTH, IPV6_HEADER_LENGTH, walkExtensionHeaders } from "./ipv6.ts";

export type ReassemblyLimits = {
  /** Datagrams begun. */
  readonly datagrams: number;
  /** Of all pieces held, with what holding them costs. */
  readonly bytes: number;
  /** Milliseconds from a datagram's first piece to come; RFC 8200 section 4.5 says 60 s, RFC 1122 section 3.3.2 60 to 120 s. */
  readonly timeout: number;
};

export type FragmentCut = {
  readonly fragment: Fragment;
  /** Bytes of the payload from `fragment.offset` on. */
  readonly length: number;
};

type Piece = { readonly offset: number; readonly bytes: Uint8Array };

type Datagram = {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly identification: number;
  /** Of the piece that came first. */
  readonly protocol: number;
  readonly deadline: number;
  /** By offset, without overlaps. */
  readonly pieces: Piece[];
  /** Of the pieces. */
  bytes: number;
  /** Of the whole datagram, once its last piece is there. */
  total: number | undefined;
  /** Of the piece at offset 0. */
  header: IpHeader | undefined;
  /** Nothing of it is kept, and no piece of it will be. */
  refused: boolean;
};

/** The length fields of both families are 16 bits. */
const MOST_PAYLOAD = 0xffff;
/** An object, a view and a buffer of its own, however few bytes are in it. */
const PIECE_OVERHEAD = 256;

export class FragmentReassembler {
  readonly #limits: ReassemblyLimits;
  /** The oldest first, for all wait equally long. */
  #datagrams: Datagram[] = [];
  #held = 0;

  constructor(limits: ReassemblyLimits) {
    this.#limits = limits;
  }

  /** Bytes held, see {@link ReassemblyLimits}. */
  get held(): number {
    return this.#held;
  }

  get datagrams(): number {
    return this.#datagrams.length;
  }

  /** When {@link expire} has something to do next. */
  get nextExpiry(): number | undefined {
    return this.#datagrams[0]?.deadline;
  }

  /** A packet that is no fragment, as it is; the whole datagram in bytes of its own, when `packet` was the last piece missing. */
  push(packet: IpPacket, now: number): IpPacket | undefined {
    const { fragment } = packet;
    if (fragment === undefined) return packet;
    if (!isPossible(fragment, packet.payload.length)) return undefined;
    const datagram = this.#datagramOf(packet, fragment, now);
    if (datagram.refused) return undefined;
    if (!this.#add(datagram, packet, fragment)) return undefined;
    if (datagram.bytes !== datagram.total || datagram.header === undefined) return this.#makeRoom();
    this.#forget(datagram);
    return joined(datagram, datagram.header, datagram.total);
  }

  /**
   * Drops what has waited too long. Of datagrams whose start had come, that piece, for "time exceeded" to quote
   * (RFC 792; RFC 8200 section 4.5).
   */
  expire(now: number): readonly IpPacket[] {
    const late = this.#datagrams.filter((datagram) => datagram.deadline <= now);
    for (const datagram of late) this.#forget(datagram);
    return late.flatMap(({ header, pieces: [first] }) =>
      header === undefined || first === undefined ? [] : [{ ...header, payload: first.bytes }],
    );
  }

  #datagramOf(packet: IpPacket, { identification }: Fragment, now: number): Datagram {
    const known = this.#datagrams.find((datagram) => isOf(datagram, packet, identification));
    if (known !== undefined) return known;
    const datagram: Datagram = {
      source: copyAddress(packet.source),
      destination: copyAddress(packet.destination),
      identification,
      protocol: packet.protocol,
      deadline: now + this.#limits.timeout,
      pieces: [],
      bytes: 0,
      total: undefined,
      header: undefined,
      refused: false,
    };
    this.#datagrams.push(datagram);
    return datagram;
  }

  /** Was there something new in it? */
  #add(datagram: Datagram, packet: IpPacket, fragment: Fragment): boolean {
    const { payload } = packet;
    const place = placeOf(datagram.pieces, fragment.offset);
    if (isCopy(datagram.pieces[place], fragment.offset, payload)) return false;
    const end = fragment.offset + payload.length;
    if (overlaps(datagram.pieces, place, fragment.offset, end) || !agreesOnTotal(datagram, fragment, end)) {
      this.#refuse(datagram);
      return false;
    }
    datagram.pieces.splice(place, 0, { offset: fragment.offset, bytes: payload.slice() });
    datagram.bytes += payload.length;
    this.#held += payload.length + PIECE_OVERHEAD;
    if (!fragment.moreFragments) datagram.total = end;
    if (fragment.offset === 0) datagram.header = headerOf(datagram, packet);
    return true;
  }

  #makeRoom(): undefined {
    const { datagrams, bytes } = this.#limits;
    while (this.#datagrams.length > datagrams || this.#held > bytes) {
      const [oldest] = this.#datagrams;
      if (oldest === undefined) return;
      this.#forget(oldest);
    }
  }

  #forget(datagram: Datagram): void {
    this.#held -= datagram.bytes + datagram.pieces.length * PIECE_OVERHEAD;
    this.#datagrams = this.#datagrams.filter((other) => other !== datagram);
  }

  /** It stays in the list till its time is up, for the rest of it to be known. */
  #refuse(datagram: Datagram): void {
    this.#held -= datagram.bytes + datagram.pieces.length * PIECE_OVERHEAD;
    datagram.pieces.length = 0;
    datagram.bytes = 0;
    datagram.header = undefined;
    datagram.refused = true;
  }
}

/** How a payload of `length` bytes goes into packets of at most `mtu` bytes, headers included. */
export function cutFragments(
  family: 4 | 6,
  length: number,
  mtu: number,
  identification: number,
): readonly FragmentCut[] {
  const headers = family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH + IPV6_FRAGMENT_HEADER_LENGTH;
  // Offsets count 8 bytes, so each piece but the last is a multiple of them; below 8 there would be no progress.
  const room = Math.max(8, (mtu - headers) & ~7);
  const cuts: FragmentCut[] = [];
  for (let offset = 0; offset < length; offset += room) {
    const moreFragments = offset + room < length;
    const fragment = { identification, offset, moreFragments };
    cuts.push({ fragment, length: moreFragments ? room : length - offset });
  }
  return cuts;
}

/** Lengths as RFC 8200 section 4.5 has them; a piece of nothing says nothing. */
function isPossible({ offset, moreFragments }: Fragment, length: number): boolean {
  return length > 0 && offset + length <= MOST_PAYLOAD && !(moreFragments && (length & 7) !== 0);
}

/** RFC 791: source, destination, protocol, identification. In IPv6 only the first piece's protocol counts (RFC 8200 section 4.5). */
function isOf(datagram: Datagram, packet: IpPacket, identification: number): boolean {
  return (
    datagram.identification === identification &&
    equalAddresses(datagram.source, packet.source) &&
    equalAddresses(datagram.destination, packet.destination) &&
    (packet.source.family === 6 || datagram.protocol === packet.protocol)
  );
}

/** Where a piece at `offset` belongs; most come in order, so from the end. */
function placeOf(pieces: readonly Piece[], offset: number): number {
  let place = pieces.length;
  while (place > 0 && (pieces[place - 1]?.offset ?? 0) >= offset) place--;
  return place;
}

function isCopy(piece: Piece | undefined, offset: number, payload: Uint8Array): boolean {
  if (piece === undefined || piece.offset !== offset || piece.bytes.length !== payload.length) return false;
  return piece.bytes.every((octet, at) => octet === payload[at]);
}

function overlaps(pieces: readonly Piece[], place: number, offset: number, end: number): boolean {
  const [before, after] = [pieces[place - 1], pieces[place]];
  if (before !== undefined && before.offset + before.bytes.length > offset) return true;
  return after !== undefined && after.offset < end;
}

/** One end only, and no piece beyond it. */
function agreesOnTotal({ total, pieces }: Datagram, { moreFragments }: Fragment, end: number): boolean {
  if (moreFragments) return total === undefined || end <= total;
  const last = pieces.at(-1);
  return total === undefined && (last === undefined || last.offset + last.bytes.length <= end);
}

/** Of the whole, from its first piece, with addresses that outlive that one's packet. */
function headerOf({ source, destination }: Datagram, packet: IpPacket): IpHeader {
  const { protocol, hopLimit, trafficClass = 0 } = packet;
  return { source, destination, protocol, hopLimit, trafficClass, fragment: undefined };
}

function joined(datagram: Datagram, header: IpHeader, total: number): IpPacket | undefined {
  const payload = new Uint8Array(total);
  for (const piece of datagram.pieces) payload.set(piece.bytes, piece.offset);
  if (header.source.family === 4) return { ...header, payload };
  // Extension headers may follow the fragment header, but no second one of those: it would be a fragment of a fragment.
  const upper = walkExtensionHeaders(header.protocol, payload);
  if (upper === undefined || upper.fragment !== undefined) return undefined;
  return { ...header, protocol: upper.protocol, payload: upper.payload };
}
