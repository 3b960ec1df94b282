// Sizes and times as people read them.

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** `12.3 MB`, in powers of a thousand as docker, podman and disks are labelled. */
export function sizeText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `1 layer`, `3 layers`. */
export function countText(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}

const STEPS: readonly (readonly [string, number])[] = [
  ["year", 365 * 86400],
  ["month", 30 * 86400],
  ["week", 7 * 86400],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

/** `3 days ago`. Both in milliseconds since 1970. */
export function ageText(then: number, now: number): string {
  const seconds = Math.max(0, now - then) / 1000;
  for (const [name, length] of STEPS) {
    const count = Math.floor(seconds / length);
    if (count > 0) return `${countText(count, name)} ago`;
  }
  return "just now";
}
