// Times as people write them, systemd.time(7); a bare number is seconds.
import { bad } from "./values.ts";

const UNITS: Readonly<Record<string, number>> = { ms: 1, "": 1e3, s: 1e3, m: 60e3, min: 60e3, h: 3600e3 };
const LONGEST = 365 * 86400e3;

/** Milliseconds. */
export function parseDuration(flag: string, text: string): number {
  const [, number, unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|min|m|h)?$/.exec(text) ?? [];
  const time = Number(number) * (UNITS[unit] ?? Number.NaN);
  if (time > 0 && time <= LONGEST) return time;
  throw bad(flag, text, "a time of at most a year, as 30s, 5min or 1h");
}
