// A device behind a slower wire: frames take time, come at a rate, and some get lost. For a bound on what a sandbox may use, and for tests of
// programs that have to live with such a network. The rules are those of tc-netem(8) and tc-tbf(8): each direction has its own
// wire, which carries one frame at a time; what finds its queue full is dropped, as a router does.
import type { Device } from "./device.ts";

export type WireSettings = {
  /** Bytes a second; `undefined` for any. */
  readonly rate: number | undefined;
  /** Milliseconds, on top of what the rate takes. */
  readonly delay: number;
  /** The share of frames that get lost, from 0 to 1. */
  readonly loss: number;
};

export type ShapedOptions = {
  /** From the sandbox, and to it. */
  readonly up: WireSettings;
  readonly down: WireSettings;
  readonly now: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
};

type Underway = { readonly at: number; readonly frame: Uint8Array };

/** What may wait on a wire beside what is under way by its delay: some 200 ms of it, and a few of the largest frames. */
const QUEUE_MS = 200;
const LEAST_QUEUE = 1 << 19;
const MOST_FRAMES = 16_384;

export class ShapedDevice implements Device {
  readonly #device: Device;
  readonly #up: Wire;
  readonly #down: Wire;
  readonly #now: () => number;

  constructor(device: Device, { up, down, now, random }: ShapedOptions) {
    this.#device = device;
    this.#up = new Wire(up, random);
    this.#down = new Wire(down, random);
    this.#now = now;
  }

  get fd(): number {
    return this.#device.fd;
  }

  get header(): Uint8Array {
    return this.#device.header;
  }

  /** When a frame arrives at either end; {@link read} has to be called then, whatever the descriptor says. */
  get due(): number | undefined {
    const next = Math.min(this.#up.next, this.#down.next);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  read(): Uint8Array | undefined {
    const now = this.#now();
    // All of them: one that is left in the device would keep its descriptor readable.
    for (let frame = this.#device.read(); frame !== undefined; frame = this.#device.read())
      this.#up.put(frame.slice(), now);
    this.#deliver(now);
    return this.#up.take(now);
  }

  write(headerLength: number, payload: readonly Uint8Array[]): boolean {
    const frame = new Uint8Array(headerLength + payload.reduce((sum, { length }) => sum + length, 0));
    frame.set(this.header.subarray(0, headerLength));
    let at = headerLength;
    for (const part of payload) {
      frame.set(part, at);
      at += part.length;
    }
    return this.#down.put(frame, this.#now());
  }

  #deliver(now: number): void {
    for (let frame = this.#down.take(now); frame !== undefined; frame = this.#down.take(now)) {
      const { header } = this.#device;
      const length = Math.min(frame.length, header.length);
      header.set(frame.subarray(0, length));
      this.#device.write(length, length < frame.length ? [frame.subarray(length)] : []);
    }
  }
}

class Wire {
  readonly #settings: WireSettings;
  readonly #random: () => number;
  readonly #queueBytes: number;
  readonly #underway: Underway[] = [];
  #first = 0;
  /** When the wire has carried what was put on it. */
  #free = 0;

  constructor(settings: WireSettings, random: () => number) {
    this.#settings = settings;
    this.#random = random;
    this.#queueBytes = Math.max(LEAST_QUEUE, ((settings.rate ?? 0) * QUEUE_MS) / 1000);
  }

  get next(): number {
    return this.#underway[this.#first]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** False where it is lost. */
  put(frame: Uint8Array, now: number): boolean {
    const { rate, delay, loss } = this.#settings;
    if (this.#random() < loss || this.#isFull(now)) return false;
    const takes = rate === undefined ? 0 : (frame.length / rate) * 1000;
    this.#free = Math.max(this.#free, now) + takes;
    this.#underway.push({ at: this.#free + delay, frame });
    return true;
  }

  take(now: number): Uint8Array | undefined {
    const first = this.#underway[this.#first];
    if (first === undefined || first.at > now) return undefined;
    this.#first++;
    if (this.#first * 2 > this.#underway.length) {
      this.#underway.splice(0, this.#first);
      this.#first = 0;
    }
    return first.frame;
  }

  #isFull(now: number): boolean {
    if (this.#underway.length - this.#first >= MOST_FRAMES) return true;
    const { rate } = this.#settings;
    return rate !== undefined && ((this.#free - now) / 1000) * rate > this.#queueBytes;
  }
}
