// The Retry-After header, RFC 9110 section 10.2.3: a number of seconds, or a date.

/** Milliseconds to wait; 0 where nothing, or nothing that makes sense, is asked for. */
export function retryAfter(header: string | null, now: number): number {
  const text = header?.trim() ?? "";
  if (/^[0-9]{1,10}$/.test(text)) return Number(text) * 1000;
  const date = /^[A-Za-z]{3,9}, /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}
