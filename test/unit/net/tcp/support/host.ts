// The host's side of a connection under test: sends bytes that tell their own place, and checks those that come.
import { TcpConnection } from "../../../../../src/net/tcp/tcp_connection.ts";
import type { TcpEndpoint } from "../../../../../src/net/tcp/tcp_settings.ts";
import type { TcpSegment } from "../../../../../src/net/wire/tcp.ts";
import { type Random, random } from "../../../../fixtures/rootfs-builder/random.ts";
import type { Side } from "./lossy_link.ts";

/** Long, and of no round length, so that a byte at a wrong place is seen. */
const PATTERN = pattern(1_000_003);

function pattern(length: number): Uint8Array {
  const { below } = random(77);
  return Uint8Array.from({ length }, () => below(256));
}

export type Habits = {
  readonly bytes: number;
  /** The most that is taken at a time, and of how many calls in a thousand it takes nothing. */
  readonly appetite: number;
  readonly stalls: number;
  /** How long it takes nothing then. */
  readonly pause: number;
  /** Finishes only when the peer has. */
  readonly answers: boolean;
};

export class Host implements Side {
  sent = 0;
  received = 0;
  largestQueue = 0;
  readonly #random: Random;
  readonly #habits: Habits;
  #connection: TcpConnection | undefined;
  #pausedUntil = 0;
  #now = 0;
  readonly #endpoint: TcpEndpoint;

  constructor(endpoint: TcpEndpoint, habits: Habits, random: Random) {
    this.#random = random;
    this.#habits = habits;
    this.#endpoint = { ...endpoint, deliver: (bytes) => this.#take(bytes) };
  }

  connect(now: number): void {
    this.#connection = TcpConnection.connect(this.#endpoint, now);
  }

  connection = (): TcpConnection | undefined => this.#connection;

  receive = (segment: TcpSegment, now: number): void => {
    this.#now = now;
    if (this.#connection) return this.#connection.receive(segment, now);
    if ((segment.flags & 2) === 0) return;
    this.#connection = TcpConnection.accept(this.#endpoint, segment, now);
    this.#connection.confirm();
  };

  act = (now: number): number | undefined => {
    this.#now = now;
    const connection = this.#connection;
    if (!connection || connection.state === "CLOSED") return undefined;
    this.#fill(connection);
    this.#read(connection);
    this.largestQueue = Math.max(this.largestQueue, connection.readableLength);
    if (this.sent === this.#habits.bytes && (!this.#habits.answers || connection.isReceiveFinished))
      connection.finish();
    return connection.readableLength > 0 ? Math.max(now + 1, this.#pausedUntil) : undefined;
  };

  #fill(connection: TcpConnection): void {
    const spaces = connection.writable(this.#habits.bytes - this.sent);
    let filled = 0;
    for (const space of spaces) {
      fill(space, this.sent + filled);
      filled += space.length;
    }
    // As readv(2) does, it may find less than there is room for.
    const kept = filled > 1 && this.#random.below(4) === 0 ? 1 + this.#random.below(filled) : filled;
    connection.produce(kept);
    this.sent += kept;
  }

  #read(connection: TcpConnection): void {
    for (const bytes of connection.readable()) {
      const taken = this.#take(bytes);
      connection.consume(taken);
      if (taken < bytes.length) return;
    }
  }

  #take(bytes: Uint8Array): number {
    if (this.#now < this.#pausedUntil) return 0;
    if (this.#random.below(1000) < this.#habits.stalls) {
      this.#pausedUntil = this.#now + this.#habits.pause;
      return 0;
    }
    const taken = Math.min(bytes.length, this.#habits.appetite);
    verify(bytes.subarray(0, taken), this.received);
    this.received += taken;
    return taken;
  }
}

function fill(space: Uint8Array, offset: number): void {
  for (let at = 0; at < space.length; ) {
    const from = (offset + at) % PATTERN.length;
    const piece = PATTERN.subarray(from, from + space.length - at);
    space.set(piece, at);
    at += piece.length;
  }
}

function verify(bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length; ) {
    const from = (offset + at) % PATTERN.length;
    const piece = PATTERN.subarray(from, from + bytes.length - at);
    if (Buffer.compare(piece, bytes.subarray(at, at + piece.length)) !== 0)
      throw new Error(`other bytes than were sent at ${offset + at}`);
    at += piece.length;
  }
}
