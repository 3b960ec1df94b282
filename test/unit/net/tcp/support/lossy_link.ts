// Two endpoints and what is between them, on a clock of its own: segments are lost, doubled, delayed and overtake each other by
// the choice of a seeded generator.
import type { TcpConnection } from "../../../../../src/net/tcp/tcp_connection.ts";
import { TCP_FLAG, type TcpOptions, type TcpSegment } from "../../../../../src/net/wire/tcp.ts";
import type { Random } from "../../../../fixtures/rootfs-builder/random.ts";
import { cutSegment } from "./cut_segment.ts";

/** Chances in a thousand, times in milliseconds. */
export type Weather = {
  readonly loss: number;
  readonly doubling: number;
  /** How many are held back, by up to how much more. */
  readonly overtaking: number;
  readonly delay: number;
  readonly jitter: number;
  /** How many super-segments arrive uncut, as receive offload leaves them. */
  readonly uncut: number;
  /** Options of SYNs that do not get through, as between ends of which one is older. */
  readonly withheld?: readonly (keyof TcpOptions)[];
};

export type Side = {
  readonly connection: () => TcpConnection | undefined;
  readonly receive: (segment: TcpSegment, now: number) => void;
  /** What the host does now; when it has more to do. */
  readonly act: (now: number) => number | undefined;
};

type Flight = { readonly at: number; readonly order: number; readonly to: Side; readonly segment: TcpSegment };

export class LossyLink {
  now = 1000;
  sent = 0;
  readonly #random: Random;
  readonly #weather: Weather;
  #flights: Flight[] = [];
  readonly #wakes = new Map<Side, number>();

  constructor(random: Random, weather: Weather) {
    this.#random = random;
    this.#weather = weather;
  }

  /** Until `isDone`, or nothing can happen any more, or the clock says `until`. */
  run(sides: readonly [Side, Side], isDone: () => boolean, until: number): void {
    while (!isDone() && this.now <= until) {
      this.#settle(sides);
      const next = this.#nextTime(sides);
      if (next === undefined) return;
      this.now = Math.max(this.now, next);
      this.#arrive();
    }
  }

  #settle(sides: readonly [Side, Side]): void {
    for (const side of sides) {
      const wake = side.act(this.now);
      if (wake === undefined) this.#wakes.delete(side);
      else this.#wakes.set(side, wake);
    }
    this.#transmit(sides[0], sides[1]);
    this.#transmit(sides[1], sides[0]);
  }

  #transmit(from: Side, to: Side): void {
    const connection = from.connection();
    for (let out = connection?.poll(this.now); out; out = connection?.poll(this.now)) {
      const isUncut = this.#random.below(1000) < this.#weather.uncut;
      for (const segment of cutSegment(out, isUncut ? 65_536 : 0)) this.#launch(this.#strip(segment), to);
    }
  }

  #strip(segment: TcpSegment): TcpSegment {
    const { withheld } = this.#weather;
    if (!withheld || (segment.flags & TCP_FLAG.SYN) === 0) return segment;
    const kept = Object.entries(segment.options).filter(([name]) => !withheld.some((option) => option === name));
    return { ...segment, options: Object.fromEntries(kept) };
  }

  #launch(segment: TcpSegment, to: Side): void {
    const { loss, doubling } = this.#weather;
    this.sent++;
    if (this.#random.below(1000) >= loss) this.#flights.push(this.#flight(segment, to));
    if (this.#random.below(1000) < doubling) this.#flights.push(this.#flight(segment, to));
  }

  #flight(segment: TcpSegment, to: Side): Flight {
    const { delay, jitter, overtaking } = this.#weather;
    const isLate = this.#random.below(1000) < overtaking;
    return { at: this.now + delay + (isLate ? this.#random.below(jitter + 1) : 0), order: this.sent, to, segment };
  }

  #nextTime(sides: readonly [Side, Side]): number | undefined {
    const times = [...this.#wakes.values(), ...sides.map((side) => side.connection()?.pollAt ?? Infinity)];
    let next = Math.min(...times);
    for (const { at } of this.#flights) next = Math.min(next, at);
    return next === Infinity ? undefined : next;
  }

  #arrive(): void {
    const due = this.#flights
      .filter(({ at }) => at <= this.now)
      .sort((one, other) => one.at - other.at || one.order - other.order);
    this.#flights = this.#flights.filter(({ at }) => at > this.now);
    for (const { to, segment } of due) to.receive(segment, this.now);
  }
}
