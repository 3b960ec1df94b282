// --net-rate, --net-delay, --net-loss: rates in bits a second with the units of tc(8), times with theirs, shares in percent.
import type { NetworkShape } from "../../spec/spec.ts";
import { bad } from "./values.ts";

/** Bits a second. tc(8), "Rates": bare numbers are bits. */
const RATE_UNITS: Readonly<Record<string, number>> = { "": 1, bit: 1, kbit: 1e3, mbit: 1e6, gbit: 1e9 };
/** Milliseconds. */
const TIME_UNITS: Readonly<Record<string, number>> = { us: 1e-3, ms: 1, s: 1e3 };
const LONGEST_DELAY = 60_000;
const LEAST_RATE = 1000;

/** `up=10mbit,down=1gbit`; either may be left out. */
export function parseNetRate(flag: string, text: string): Pick<NetworkShape, "up" | "down"> {
  const rates: { up?: number; down?: number } = {};
  const wanted = "up=RATE, down=RATE or both, with a rate as 500kbit, 10mbit or 1gbit";
  for (const part of text.split(",")) {
    const [, direction, number, unit] = /^(up|down)=(\d{1,9}(?:\.\d{1,6})?)([a-z]*)$/i.exec(part) ?? [];
    const factor = RATE_UNITS[unit?.toLowerCase() ?? "?"];
    if ((direction !== "up" && direction !== "down") || factor === undefined || rates[direction] !== undefined)
      throw bad(flag, text, wanted);
    const bits = Number(number) * factor;
    if (bits < LEAST_RATE) throw bad(flag, text, "a rate of 1kbit or more");
    rates[direction] = bits / 8;
  }
  return rates;
}

/** `50ms`, in milliseconds. */
export function parseNetDelay(flag: string, text: string): number {
  const [, number, unit = ""] = /^(\d{1,9}(?:\.\d{1,6})?)(us|ms|s)$/.exec(text) ?? [];
  const delay = Number(number) * (TIME_UNITS[unit] ?? Number.NaN);
  if (delay >= 0 && delay <= LONGEST_DELAY) return delay;
  throw bad(flag, text, "a time of at most a minute, as 50ms, 500us or 1.5s");
}

/** `1%`, as a share of 1. */
export function parseNetLoss(flag: string, text: string): number {
  const [, number] = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text) ?? [];
  const share = Number(number) / 100;
  if (share >= 0 && share <= 1) return share;
  throw bad(flag, text, "a share from 0% to 100%");
}
