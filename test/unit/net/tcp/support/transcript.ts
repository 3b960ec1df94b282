// A connection and its peer, told in the notation of packetdrill: "P. 1:6(5) ack 1 win 500". Numbers are offsets in either stream,
// the SYN being 0; on the wire both begin close to the end of 32 bits, so that every transcript wraps. "." is ACK.
import { expect } from "bun:test";
import type { OutgoingSegment } from "../../../../../src/net/tcp/outgoing_segment.ts";
import { TcpConnection } from "../../../../../src/net/tcp/tcp_connection.ts";
import { TCP_FLAG, type TcpOptions, type TcpSegment } from "../../../../../src/net/wire/tcp.ts";
import { type Chosen, endpoint } from "./settings.ts";

const OUR_INITIAL = 0xffff_fffe;
const PEER_INITIAL = 0xffff_ffff;
const LETTERS = {
  F: TCP_FLAG.FIN,
  S: TCP_FLAG.SYN,
  R: TCP_FLAG.RST,
  P: TCP_FLAG.PSH,
  U: TCP_FLAG.URG,
  ".": TCP_FLAG.ACK,
};
const LINE = /^([FSRPU.]+) (\d+):\d+\((\d+)\)(?: ack (\d+))?(?: win (\d+))?$/;

export type PeerOptions = Omit<TcpOptions, "sackBlocks"> & { readonly sack?: readonly (readonly [number, number])[] };

export class Transcript {
  now = 1000;
  /** How much the host takes when it is offered bytes. */
  appetite = Number.POSITIVE_INFINITY;
  /** How many bytes it has got, all of them those that belong there. */
  received = 0;
  readonly connection: TcpConnection;

  constructor(open: "accept" | "connect", chosen: Chosen = {}, syn: PeerOptions = {}) {
    const deliver = (bytes: Uint8Array): number => this.#take(bytes);
    const ours = endpoint({ deliver, initialSequenceNumber: OUR_INITIAL, ...chosen });
    this.connection =
      open === "connect"
        ? TcpConnection.connect(ours, this.now)
        : TcpConnection.accept(ours, this.#segment("S 0:0(0) win 10000", syn), this.now);
  }

  /** The peer sends. */
  send(line: string, options: PeerOptions = {}): this {
    this.connection.receive(this.#segment(line, options), this.now);
    return this;
  }

  /** What we send now, and nothing else. */
  expect(...lines: readonly string[]): this {
    expect(this.lines()).toEqual([...lines]);
    return this;
  }

  segments(): readonly OutgoingSegment[] {
    const segments: OutgoingSegment[] = [];
    for (let out = this.connection.poll(this.now); out; out = this.connection.poll(this.now)) segments.push(out);
    return segments;
  }

  lines(): readonly string[] {
    return this.segments().map(lineOf);
  }

  state(state: string): this {
    expect(this.connection.state).toBe(state as TcpConnection["state"]);
    return this;
  }

  wait(milliseconds: number): this {
    this.now += milliseconds;
    return this;
  }

  /** Until the connection has to be polled; that takes `milliseconds`. */
  waitForTimer(milliseconds: number): this {
    expect(this.connection.pollAt).toBe(this.now + milliseconds);
    return this.wait(milliseconds);
  }

  /** The host sends `count` bytes. */
  write(count: number): this {
    const spaces = this.connection.writable(count);
    let at = 0;
    for (const space of spaces) for (let index = 0; index < space.length; index++) space[index] = at++ & 0xff;
    expect(at).toBe(count);
    this.connection.produce(count);
    return this;
  }

  /** The host takes `count` bytes of those that wait. */
  read(count: number): this {
    const bytes = new Uint8Array(Buffer.concat(this.connection.readable()));
    this.#check(bytes.subarray(0, count));
    this.connection.consume(count);
    return this;
  }

  #take(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.appetite);
    this.#check(bytes.subarray(0, taken));
    return taken;
  }

  /** The peer's byte at an offset is its offset. */
  #check(bytes: Uint8Array): void {
    for (const byte of bytes) expect(byte).toBe(++this.received & 0xff);
  }

  #segment(line: string, { sack, ...options }: PeerOptions): TcpSegment {
    const [, letters = "", from = "", length = "", ack, window = "10000"] = LINE.exec(line) ?? [];
    if (letters === "") throw new Error(`not a segment: ${line}`);
    const ranges = sack?.map(([left, right]) => [wire(OUR_INITIAL, left), wire(OUR_INITIAL, right)] as const);
    return {
      sourcePort: 4000,
      destinationPort: 80,
      sequenceNumber: wire(PEER_INITIAL, Number(from)),
      acknowledgmentNumber: ack === undefined ? 0 : wire(OUR_INITIAL, Number(ack)),
      flags: [...letters].reduce((flags, letter) => flags | LETTERS[letter as keyof typeof LETTERS], 0),
      window: Number(window),
      options: ranges ? { ...options, sackBlocks: ranges } : options,
      payload: Uint8Array.from({ length: Number(length) }, (_, index) => (Number(from) + index) & 0xff),
    };
  }
}

/** What the peer offers where the options do not matter. */
export const PLAIN: PeerOptions = { maximumSegmentSize: 100 };

export function established(chosen: Chosen = {}, syn: PeerOptions = PLAIN): Transcript {
  const transcript = new Transcript("accept", { maximumSegmentSize: 100, ...chosen }, syn);
  transcript.connection.confirm();
  transcript.segments();
  const timestamps = syn.timestamps && { timestamps: { value: syn.timestamps.value, echoReply: 1000 } };
  transcript.send(". 1:1(0) ack 1", timestamps).state("ESTABLISHED").expect();
  return transcript;
}

export function finWait1(chosen?: Chosen): Transcript {
  const transcript = established(chosen);
  transcript.connection.finish();
  return transcript.state("FIN-WAIT-1").expect("F. 1:1(0) ack 1");
}

export const finWait2 = (chosen?: Chosen): Transcript => finWait1(chosen).send(". 1:1(0) ack 2").state("FIN-WAIT-2");

export const closing = (): Transcript => finWait1().send("F. 1:1(0) ack 1").state("CLOSING").expect(". 2:2(0) ack 2");

export const timeWait = (chosen?: Chosen): Transcript =>
  finWait2(chosen).send("F. 1:1(0) ack 2").state("TIME-WAIT").expect(". 2:2(0) ack 2");

export const closeWait = (chosen?: Chosen): Transcript =>
  established(chosen).send("F. 1:1(0) ack 1").state("CLOSE-WAIT").expect(". 1:1(0) ack 2");

export function lastAck(): Transcript {
  const transcript = closeWait();
  transcript.connection.finish();
  return transcript.state("LAST-ACK").expect("F. 1:1(0) ack 2");
}

export const synSent = (chosen?: Chosen): Transcript =>
  new Transcript("connect", { maximumSegmentSize: 100, ...chosen }).state("SYN-SENT").expect("S 0:0(0)");

function lineOf({ flags, sequenceNumber, acknowledgmentNumber, payloadLength, options }: OutgoingSegment): string {
  const letters = Object.entries(LETTERS).map(([letter, flag]) => (flags & flag ? letter : ""));
  const from = (sequenceNumber - OUR_INITIAL) >>> 0;
  const ack = flags & TCP_FLAG.ACK ? ` ack ${(acknowledgmentNumber - PEER_INITIAL) >>> 0}` : "";
  const sack = options.sackBlocks?.map(([left, right]) => ` sack ${offset(left)}:${offset(right)}`) ?? [];
  return `${letters.join("")} ${from}:${from + payloadLength}(${payloadLength})${ack}${sack.join("")}`;
}

const wire = (initial: number, from: number): number => (initial + from) >>> 0;
const offset = (sequence: number): number => (sequence - PEER_INITIAL) >>> 0;
