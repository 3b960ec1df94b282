// pax extended header records as bytes: the inverse of pax.ts, sorted by keyword so that the same records are the same bytes.

const SECOND = 1_000_000_000n;
const NEWLINE = new Uint8Array([0x0a]);

export function encodePax(records: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const sorted = [...records].sort(([a], [b]) => (a < b ? -1 : 1));
  // POSIX: how the values of a header are encoded is said before them.
  const first = sorted.filter(([keyword]) => keyword === "hdrcharset");
  const others = sorted.filter(([keyword]) => keyword !== "hdrcharset");
  return new Uint8Array(Buffer.concat([...first, ...others].map(([keyword, value]) => encodeRecord(keyword, value))));
}

/** Nanoseconds since 1970 as seconds with the shortest exact fraction. */
export function encodePaxTime(time: bigint): string {
  const sign = time < 0n ? "-" : "";
  const positive = time < 0n ? -time : time;
  const fraction = String(positive % SECOND)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${sign}${positive / SECOND}${fraction === "" ? "" : `.${fraction}`}`;
}

/** The length counts its own digits. */
function encodeRecord(keyword: string, value: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(` ${keyword}=`);
  const rest = head.length + value.length + 1;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return Buffer.concat([new TextEncoder().encode(String(length)), head, value, NEWLINE]);
}
