// A device behind a bad wire: frames of both directions are lost, doubled, delayed and overtake each other by the choice of a seeded
// generator, whatever they carry. Super-segments are cut on the way, as they would be before they reach a wire, so that a part of
// what was sent at once is lost.
import type { Device } from "../../src/net/device/device.ts";
import type { Random } from "../fixtures/rootfs-builder/random.ts";
import { cutFrame } from "./cut_frame.ts";
import { edgeOf } from "./tcp_edge.ts";

/** Chances in a thousand, times in milliseconds. */
export type Faults = {
  readonly loss: number;
  readonly doubling: number;
  readonly delay: number;
  /** How many are held back, by up to {@link jitter} more. */
  readonly overtaking: number;
  readonly jitter: number;
  /** How many super-segments stay uncut. */
  readonly uncut: number;
  /** The first SYN and the first FIN of each connection, in each direction, are lost for certain. */
  readonly losesEdges: boolean;
};

export type FaultCounts = {
  frames: number;
  cut: number;
  lost: number;
  edges: number;
  doubled: number;
  overtaken: number;
};

type Flight = { readonly at: number; readonly frame: Uint8Array };

export class FaultyDevice implements Device {
  readonly counts: Readonly<Record<"up" | "down", FaultCounts>> = { up: none(), down: none() };
  readonly #device: Device;
  readonly #now: () => number;
  readonly #up: Wire;
  readonly #down: Wire;

  constructor(device: Device, faults: Faults, random: Random, now: () => number) {
    this.#device = device;
    this.#now = now;
    this.#up = new Wire(faults, random, this.counts.up);
    this.#down = new Wire(faults, random, this.counts.down);
  }

  get fd(): number {
    return this.#device.fd;
  }

  get header(): Uint8Array {
    return this.#device.header;
  }

  get due(): number | undefined {
    const next = Math.min(this.#up.next, this.#down.next);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  read(): Uint8Array | undefined {
    const now = this.#now();
    for (let frame = this.#device.read(); frame !== undefined; frame = this.#device.read()) this.#up.put(frame, now);
    for (let frame = this.#down.take(now); frame !== undefined; frame = this.#down.take(now)) this.#deliver(frame);
    return this.#up.take(now);
  }

  write(headerLength: number, payload: readonly Uint8Array[]): boolean {
    this.#down.put(Buffer.concat([this.header.subarray(0, headerLength), ...payload]), this.#now());
    return true;
  }

  #deliver(frame: Uint8Array): void {
    const { header } = this.#device;
    const length = Math.min(frame.length, header.length);
    header.set(frame.subarray(0, length));
    this.#device.write(length, length < frame.length ? [frame.subarray(length)] : []);
  }
}

class Wire {
  readonly #faults: Faults;
  readonly #random: Random;
  readonly #counts: FaultCounts;
  readonly #edges = new Set<string>();
  /** By the time of their arrival. */
  readonly #flights: Flight[] = [];

  constructor(faults: Faults, random: Random, counts: FaultCounts) {
    this.#faults = faults;
    this.#random = random;
    this.#counts = counts;
  }

  get next(): number {
    return this.#flights[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Copies what it keeps. */
  put(frame: Uint8Array, now: number): void {
    const pieces = this.#chance(this.#faults.uncut) ? [frame.slice()] : cutFrame(frame);
    if (pieces.length > 1) this.#counts.cut++;
    for (const piece of pieces) this.#putOne(piece, now);
  }

  take(now: number): Uint8Array | undefined {
    return this.next <= now ? this.#flights.shift()?.frame : undefined;
  }

  #putOne(frame: Uint8Array, now: number): void {
    this.#counts.frames++;
    if (this.#isFirstEdge(frame)) this.#counts.edges++;
    else if (this.#chance(this.#faults.loss)) this.#counts.lost++;
    else this.#launch(frame, now);
    if (!this.#chance(this.#faults.doubling)) return;
    this.#counts.doubled++;
    this.#launch(frame, now);
  }

  #launch(frame: Uint8Array, now: number): void {
    const { delay, overtaking, jitter } = this.#faults;
    const isLate = this.#chance(overtaking);
    if (isLate) this.#counts.overtaken++;
    const at = now + delay + (isLate ? this.#random.below(jitter + 1) : 0);
    const before = this.#flights.findLastIndex((flight) => flight.at <= at);
    this.#flights.splice(before + 1, 0, { at, frame });
  }

  #isFirstEdge(frame: Uint8Array): boolean {
    const edge = this.#faults.losesEdges ? edgeOf(frame) : undefined;
    if (edge === undefined || this.#edges.has(edge)) return false;
    this.#edges.add(edge);
    return true;
  }

  #chance(thousandths: number): boolean {
    return this.#random.below(1000) < thousandths;
  }
}

function none(): FaultCounts {
  return { frames: 0, cut: 0, lost: 0, edges: 0, doubled: 0, overtaken: 0 };
}
