// JSON.parse makes every number a double, and masks of 64 bits are no doubles. The text of a number is still at hand in the
// reviver (ECMA-262, "JSON.parse source text access"), so what does not fit becomes a bigint.

type ReviverContext = { readonly source?: string };

/** As JSON.parse, with whole numbers beyond ±2^53 as bigint. Throws SyntaxError. */
export function parseJson(text: string): unknown {
  return JSON.parse(text, exactNumber as (key: string, value: unknown) => unknown);
}

function exactNumber(_key: string, value: unknown, context: ReviverContext): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context.source ?? "";
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
}
