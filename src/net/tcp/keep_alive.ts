// Whether a silent peer is still there: RFC 9293, 3.8.4. Off while something is under way, for then retransmission finds out.
import type { KeepAlive } from "./tcp_settings.ts";

export class KeepAliveTimer {
  readonly #settings: KeepAlive | undefined;
  #heardAt: number;
  #probes = 0;

  constructor(settings: KeepAlive | undefined, now: number) {
    this.#settings = settings;
    this.#heardAt = now;
  }

  get at(): number {
    if (!this.#settings) return Number.POSITIVE_INFINITY;
    return this.#heardAt + this.#settings.idle + this.#probes * this.#settings.interval;
  }

  heard(now: number): void {
    this.#heardAt = now;
    this.#probes = 0;
  }

  expire(): "probe" | "give up" {
    return ++this.#probes > (this.#settings?.count ?? 0) ? "give up" : "probe";
  }
}
