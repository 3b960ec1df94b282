// TCP options: RFC 9293 section 3.1 (end, no-operation, maximum segment size), RFC 7323 (window scale, timestamps), RFC 2018 (SACK).
import { get16, get32, put16, put32 } from "./network_order.ts";

const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
const MAXIMUM_SEGMENT_SIZE = 2;
const WINDOW_SCALE = 3;
const SACK_PERMITTED = 4;
const SACK = 5;
const TIMESTAMPS = 8;

/** Kind, length, then the value; lengths count all of it. */
const VALUE = 2;
const MAXIMUM_SEGMENT_SIZE_LENGTH = 4;
const WINDOW_SCALE_LENGTH = 3;
const SACK_PERMITTED_LENGTH = 2;
const SACK_BLOCK_LENGTH = 8;
const TIMESTAMPS_LENGTH = 10;

/** The data offset is 4 bits of 4 bytes: 60 less the fixed 20. */
const MOST_LENGTH = 40;
/** RFC 2018 section 3: as many as 40 bytes hold. */
const MOST_SACK_BLOCKS = 4;
/** RFC 7323 section 2.3: a larger shift is used as 14. */
const MOST_WINDOW_SCALE = 14;

/** Left edge (first sequence number of the block) and right edge (the one after its last). */
export type SackBlock = readonly [left: number, right: number];

export type TcpOptions = {
  readonly maximumSegmentSize?: number;
  readonly windowScale?: number;
  readonly sackPermitted?: boolean;
  readonly sackBlocks?: readonly SackBlock[];
  readonly timestamps?: { readonly value: number; readonly echoReply: number };
};

type Writable = { -readonly [Name in keyof TcpOptions]: TcpOptions[Name] };

const NONE: TcpOptions = {};

/** The options at `start`..`end`. Unknown ones are skipped; one with an impossible length is the last that's looked at. */
export function parseTcpOptions(bytes: Uint8Array, start: number, end: number): TcpOptions {
  if (start === end) return NONE;
  const options: Writable = {};
  for (let at = start; at < end; ) {
    const kind = bytes[at] ?? 0;
    if (kind === END_OF_OPTIONS) break;
    const length = kind === NO_OPERATION ? 1 : at + 1 < end ? (bytes[at + 1] ?? 0) : 0;
    if (length === 0 || at + length > end || (kind !== NO_OPERATION && length < VALUE)) break;
    if (kind !== NO_OPERATION) readOption(options, kind, bytes, at, length);
    at += length;
  }
  return options;
}

/** Bytes that {@link emitTcpOptions} writes, a multiple of 4. */
export function tcpOptionsLength(options: TcpOptions): number {
  const start = startOfSack(options);
  return (start + sackLength(options, start) + 3) & ~3;
}

/**
 * The options, padded with no-operations to a multiple of 4; SACK blocks that do not fit are left out. Timestamps and SACK blocks
 * have their numbers at multiples of 4, as RFC 7323 appendix A recommends: receivers have a quick path for it. Bytes written.
 */
export function emitTcpOptions(options: TcpOptions, into: Uint8Array, offset: number): number {
  let at = offset;
  if (options.maximumSegmentSize !== undefined) {
    at = putHead(into, at, MAXIMUM_SEGMENT_SIZE, MAXIMUM_SEGMENT_SIZE_LENGTH);
    put16(into, at - VALUE, options.maximumSegmentSize);
  }
  if (options.windowScale !== undefined) {
    at = putHead(into, at, WINDOW_SCALE, WINDOW_SCALE_LENGTH);
    into[at - 1] = options.windowScale;
  }
  if (options.sackPermitted === true) at = putHead(into, at, SACK_PERMITTED, SACK_PERMITTED_LENGTH);
  if (options.timestamps !== undefined)
    at = putTimestamps(options.timestamps, into, pad(into, at, padding(at - offset)));
  const start = startOfSack(options);
  if (sackLength(options, start) > 0) at = putSackBlocks(options, into, pad(into, at, offset + start - at), start);
  return pad(into, at, (offset - at) & 3) - offset;
}

/** A known option of another length than its own is as an unknown one. */
function readOption(options: Writable, kind: number, bytes: Uint8Array, at: number, length: number): void {
  const value = at + VALUE;
  if (kind === MAXIMUM_SEGMENT_SIZE && length === MAXIMUM_SEGMENT_SIZE_LENGTH)
    options.maximumSegmentSize = get16(bytes, value);
  else if (kind === WINDOW_SCALE && length === WINDOW_SCALE_LENGTH)
    options.windowScale = Math.min(bytes[value] ?? 0, MOST_WINDOW_SCALE);
  else if (kind === SACK_PERMITTED && length === SACK_PERMITTED_LENGTH) options.sackPermitted = true;
  else if (kind === TIMESTAMPS && length === TIMESTAMPS_LENGTH)
    options.timestamps = { value: get32(bytes, value), echoReply: get32(bytes, value + 4) };
  else if (kind === SACK && length > VALUE && (length - VALUE) % SACK_BLOCK_LENGTH === 0)
    options.sackBlocks = readSackBlocks(bytes, value, at + length);
}

function readSackBlocks(bytes: Uint8Array, start: number, end: number): readonly SackBlock[] {
  const blocks: SackBlock[] = [];
  for (let at = start; at < end; at += SACK_BLOCK_LENGTH) blocks.push([get32(bytes, at), get32(bytes, at + 4)]);
  return blocks;
}

/** Bytes of padding after `length` bytes that let the numbers of an option start at a multiple of 4. */
function padding(length: number): number {
  return (VALUE - length) & 3;
}

/** From the first option: where SACK starts, behind all others and its padding; where they end if there is no SACK. */
function startOfSack(options: TcpOptions): number {
  let length =
    (options.maximumSegmentSize === undefined ? 0 : MAXIMUM_SEGMENT_SIZE_LENGTH) +
    (options.windowScale === undefined ? 0 : WINDOW_SCALE_LENGTH) +
    (options.sackPermitted === true ? SACK_PERMITTED_LENGTH : 0);
  if (options.timestamps !== undefined) length += padding(length) + TIMESTAMPS_LENGTH;
  const padded = length + padding(length);
  return sackLength(options, padded) > 0 ? padded : length;
}

/** Bytes of a SACK option that starts at `start`: as many blocks as there is room for, at most 4. */
function sackLength(options: TcpOptions, start: number): number {
  const room = Math.floor((MOST_LENGTH - start - VALUE) / SACK_BLOCK_LENGTH);
  const count = Math.min(options.sackBlocks?.length ?? 0, room, MOST_SACK_BLOCKS);
  return count > 0 ? VALUE + count * SACK_BLOCK_LENGTH : 0;
}

function putTimestamps(timestamps: NonNullable<TcpOptions["timestamps"]>, into: Uint8Array, at: number): number {
  put32(into, at + VALUE, timestamps.value);
  put32(into, at + VALUE + 4, timestamps.echoReply);
  return putHead(into, at, TIMESTAMPS, TIMESTAMPS_LENGTH);
}

function putSackBlocks(options: TcpOptions, into: Uint8Array, at: number, start: number): number {
  const length = sackLength(options, start);
  for (let block = 0; block < (length - VALUE) / SACK_BLOCK_LENGTH; block++) {
    const [left = 0, right = 0] = options.sackBlocks?.[block] ?? [];
    put32(into, at + VALUE + block * SACK_BLOCK_LENGTH, left);
    put32(into, at + VALUE + block * SACK_BLOCK_LENGTH + 4, right);
  }
  return putHead(into, at, SACK, length);
}

/** Where the next option starts. */
function putHead(into: Uint8Array, at: number, kind: number, length: number): number {
  into[at] = kind;
  into[at + 1] = length;
  return at + length;
}

/** Where the padding ends. */
function pad(into: Uint8Array, at: number, count: number): number {
  into.fill(NO_OPERATION, at, at + count);
  return at + count;
}
